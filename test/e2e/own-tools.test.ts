import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { readResults } from '../../src/project/test-report.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';
import { cleanEnvironment, runCommand } from './command.ts';

test('without the example tool only the tests that call it fail, and say what to do', async () => {
  const cwd = temporaryDirectory();
  await runCommand(['x', '--no-verify', '--no-git'], { cwd });
  const path = (file: string) => join(cwd, 'x', file);
  const edit = (file: string, into: string, ...changes: [string, string][]) => {
    const source = readFileSync(path(file), 'utf8');
    writeFileSync(
      path(into),
      changes.reduce((text, [from, to]) => text.replaceAll(from, to), source),
    );
  };
  const ownTests = async () => {
    const { stdout } = await execa('npm', ['test'], {
      cwd: path(''),
      env: { ...cleanEnvironment, NODE_OPTIONS: '--test-reporter=tap' },
      extendEnv: false,
      reject: false,
    });
    const passed = readResults(stdout).filter(({ outcome }) => outcome === 'passed');
    return { passed: passed.map(({ name }) => name), stdout };
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
