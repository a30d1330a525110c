import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { readResults } from '../../src/project/test-report.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';
import { cleanEnvironment, runCommand } from './command.ts';

/** A project with its dependencies, and what runs its tests. */
async function installedProject() {
  const cwd = temporaryDirectory();
  await runCommand(['x', '--no-verify', '--no-git'], { cwd });
  const path = (file: string) => join(cwd, 'x', file);
  const ownTests = async (...args: string[]) => {
    const { stdout } = await execa('npm', ['test', ...args], {
      cwd: path(''),
      env: { ...cleanEnvironment, NODE_OPTIONS: '--test-reporter=tap' },
      extendEnv: false,
      reject: false,
    });
    const passed = readResults(stdout).filter(({ outcome }) => outcome === 'passed');
    return { passed: passed.map(({ name }) => name), stdout };
  };
  return { path, ownTests };
}

test('without the example tool only the tests that call it fail, and say what to do', async () => {
  const { path, ownTests } = await installedProject();
  const edit = (file: string, into: string, ...changes: [string, string][]) => {
    const source = readFileSync(path(file), 'utf8');
    writeFileSync(
      path(into),
      changes.reduce((text, [from, to]) => text.replaceAll(from, to), source),
    );
  };

  const renaming: [string, string][] = [
    ['echo', 'repeat'],
    ['Echo', 'Repeat'],
  ];
  edit('src/tools/echo.ts', 'src/tools/repeat.ts', ...renaming);
  edit('src/mcp-server.ts', 'src/mcp-server.ts', ...renaming);
  rmSync(path('src/tools/echo.ts'));
  const without = await ownTests();
  expect(without.passed).toHaveLength(5);
  expect(without.passed).not.toContain('a tool call is answered');
  expect(without.passed).not.toContain('echo returns the text it is given');
  expect(without.stdout).toContain('there is no tool echo any more: let this test call one of yours');

  edit('test/server.test.ts', 'test/server.test.ts', ["'echo'", "'repeat'"]);
  edit('test/echo.test.ts', 'test/echo.test.ts', ["'echo'", "'repeat'"]);
  expect((await ownTests()).passed).toHaveLength(8);
}, 120_000);

const cancelling = `
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { goodHeaders } from './credentials.ts';
import { connect, startServer, type TestServer } from './harness.ts';

let server: TestServer;
before(async () => {
  server = await startServer();
});
after(() => server.stop());

test('ends', async (t) => {
  const { client } = await connect(t, server);
  await client.callTool({ name: 'countdown', arguments: { seconds: 0 } });
  assert.equal((await server.logged('tool call')).outcome, 'ok');
});

test('is cancelled', async (t) => {
  const { client } = await connect(t, server);
  const metrics = await fetch(new URL('/metrics', server.url), { headers: goodHeaders ?? {} });
  assert.match(await metrics.text(), /^mcp_sessions_asked_in_vain_total 0$/m);
  const cancel = new AbortController();
  const onprogress = () => cancel.abort();
  const call = client.callTool({ name: 'countdown', arguments: { seconds: 60 } }, { signal: cancel.signal, onprogress });
  await assert.rejects(call);
  assert.equal((await server.logged('tool call', { outcome: 'cancelled' })).tool, 'countdown');
});
`;

test("the harness connects a test's client at once, and finds the log line of its call among others", async () => {
  const { path, ownTests } = await installedProject();
  writeFileSync(path('test/cancelling.test.ts'), cancelling);
  const { passed, stdout } = await ownTests('--', 'test/cancelling.test.ts');
  expect(passed, stdout).toEqual(['ends', 'is cancelled']);
}, 120_000);
