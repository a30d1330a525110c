import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { makeOwnProject } from '../auth/own-project.js';
import { callTool, post } from '../support/client.js';
import { directoryOf } from '../support/projects.js';

// `npm run dev`, in a project whose owner makes mistakes.

const patience = { timeout: 20_000, interval: 50 };

async function startDev(name: string, settings: Record<string, string> = {}) {
  const project = directoryOf(await makeOwnProject(name, 'none', {}));
  await rm(join(project, 'dist'), { recursive: true });
  const edit = async (path: string, change: (text: string) => string) => {
    const file = join(project, path);
    await writeFile(file, change(await readFile(file, 'utf8').catch(() => '')));
  };
  return {
    edit,
    run() {
      const dev = spawn(process.execPath, ['scripts/dev.js'], {
        cwd: project,
        env: { PATH: process.env.PATH, PORT: '0', LOG_FORMAT: 'json', ...settings },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let output = '';
      for (const stream of [dev.stdout, dev.stderr]) stream.on('data', (data) => (output += data));
      onTestFinished(async () => {
        dev.kill();
        await once(dev, 'exit');
      });
      /** Where the server listened, once for each start. */
      const origins = () =>
        [...output.matchAll(/"listening","url":"(.*?)\/sse"/g)].map(([, origin]) => origin as string);
      return { output: () => output, origins };
    },
  };
}

const call = async (origin: string, tool: string) => {
  const accept = { Accept: 'application/json, text/event-stream' };
  const port = Number(new URL(origin).port);
  return (await post({ port }, '/mcp', callTool(1, tool, { text: 'x' }), accept)).body;
};

test('an error at the first start is shown, and the server starts once it is fixed', async () => {
  const { edit, run } = await startDev('dev-with-an-error');
  await edit('src/tools/echo.ts', (text) => `${text}\nexport const wrong: string = 1;\n`);
  const dev = run();
  await vi.waitFor(() => expect(dev.output()).toMatch(/error TS2322.*Found 1 error/s), patience);
  expect(dev.origins()).toEqual([]);
  await edit('src/tools/echo.ts', (text) => text.replace(/\nexport const wrong.*/, ''));
  await vi.waitFor(() => expect(dev.origins()).toHaveLength(1), patience);
}, 60_000);

test('a server that does not start waits for the next change, of .env too', async () => {
  const { edit, run } = await startDev('dev-with-a-bad-setting');
  await edit('.env', () => 'RATE_LIMIT=many\n');
  const dev = run();
  await vi.waitFor(() => expect(dev.output()).toContain('The next change starts it again'), patience);
  expect(dev.output()).toContain('RATE_LIMIT=many must be');
  await edit('.env', () => 'RATE_LIMIT=5\n');
  await vi.waitFor(() => expect(dev.origins()).toHaveLength(1), patience);
  await edit('.env', () => 'RATE_LIMIT=6\n');
  await vi.waitFor(() => expect(dev.origins()).toHaveLength(2), patience);
}, 60_000);

test('clients see why a tool failed', async () => {
  const { edit, run } = await startDev('dev-with-a-failing-tool');
  await edit('src/tools/echo.ts', (text) =>
    text.replace('return { content', "if (text) throw new Error('no database');\n  return { content"),
  );
  const dev = run();
  await vi.waitFor(() => expect(dev.origins()).toHaveLength(1), patience);
  expect(await call(dev.origins()[0] as string, 'echo')).toContain('no database');
  await vi.waitFor(
    () => expect(dev.output()).toMatch(/tool call failed.*src[\\/]+tools[\\/]+echo\.ts:\d+/),
    patience,
  );
}, 60_000);
