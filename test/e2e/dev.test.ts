import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import pty from '@lydell/node-pty';
import { execa } from 'execa';
import { expect, onTestFinished, test, vi } from 'vitest';
import { writeTree } from '../fixtures/files.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';
import { cleanEnvironment, runCommand } from './command.ts';
import { keys } from './terminal.ts';

const patience = { timeout: 30_000, interval: 50 };

/** A project with its dependencies from the npm registry, as its user has it. */
async function installedProject(): Promise<string> {
  const cwd = temporaryDirectory();
  const { exitCode, stderr } = await runCommand(['x', '--auth', 'none', '--no-verify', '--no-git'], { cwd });
  expect(stderr).not.toContain('failed');
  expect(exitCode).toBe(0);
  return join(cwd, 'x');
}

/** Starts a program in the project, in a terminal, and keeps what it prints. */
function start(cwd: string, command: string, ...args: string[]) {
  const env = { ...cleanEnvironment, PORT: '0', LOG_FORMAT: 'json' };
  const terminal = pty.spawn(command, args, { cwd, cols: 1000, env });
  let raw = '';
  terminal.onData((data) => {
    raw += data;
  });
  onTestFinished(() => {
    for (const pid of processesIn(cwd)) process.kill(pid, 'SIGKILL');
  });
  const output = () => stripVTControlCharacters(raw);
  return {
    output,
    wasCleared: () => raw.includes('\x1bc'),
    /** Where the server listened, once for each start. */
    urls: () => [...output().matchAll(/"listening","url":"(.*?)\/sse"/g)].map(([, url]) => url),
    kill: (signal: NodeJS.Signals) => process.kill(terminal.pid, signal),
    type: (text: string) => terminal.write(text),
  };
}

/** The processes that run in a directory. */
function processesIn(directory: string): number[] {
  const isThere = (pid: string) => {
    try {
      return readlinkSync(`/proc/${pid}/cwd`) === directory;
    } catch {
      return false; // it has ended
    }
  };
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && isThere(name))
    .map(Number);
}

/** A project whose compiler does nothing, and where ending it fails with this code. */
async function projectWhereEnding(code: string): Promise<string> {
  const cwd = temporaryDirectory();
  await runCommand(['x', '--no-install', '--no-git'], { cwd });
  writeTree(cwd, {
    'x/node_modules/typescript/package.json': '{}',
    'x/node_modules/typescript/bin/tsc': `console.log('Found 0 errors. Watching for file changes.'); setInterval(() => {}, 1000)`,
    'x/dist/main.js': `console.log('the server runs')`,
    'x/failing-kill.js': `
      const { kill } = process;
      process.kill = (...args) => {
        kill.apply(process, args);
        throw Object.assign(new Error('kill ${code}'), { code: '${code}' });
      };`,
  });
  return join(cwd, 'x');
}

async function ask(
  url: string | undefined,
  method: string,
  params?: Record<string, unknown>,
): Promise<string> {
  const response = await fetch(`${url}/mcp`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  });
  return response.text();
}

const listTools = (url: string | undefined) => ask(url, 'tools/list');

test('npm run dev restarts the server with each change that compiles, and shows those that do not', async () => {
  const project = await installedProject();
  const tool = join(project, 'src/tools/echo.ts');
  const source = readFileSync(tool, 'utf8');
  const dev = start(project, 'npm', 'run', 'dev');
  await vi.waitFor(() => expect(dev.output()).toContain('Watching for file changes'), patience);
  await vi.waitFor(() => expect(dev.urls()).toHaveLength(1), patience);

  writeFileSync(tool, source.replace(/description: '.*'/, "description: 'The first change'"));
  await vi.waitFor(() => expect(dev.urls()).toHaveLength(2), patience);
  expect(await listTools(dev.urls()[1])).toContain('The first change');

  writeFileSync(tool, `${source}\nexport const wrong: string = 1;\n`);
  await vi.waitFor(() => expect(dev.output()).toMatch(/echo\.ts.* error TS2322.*Found 1 error/s), patience);
  await vi.waitFor(() => expect(dev.output()).toContain('The server runs on as before'), patience);
  expect(readFileSync(join(project, 'dist/tools/echo.js'), 'utf8')).not.toContain('wrong');

  writeFileSync(tool, source.replace(/description: '.*'/, "description: 'The second change'"));
  await vi.waitFor(async () => expect(await listTools(dev.urls().at(-1))).toContain('The second'), patience);
  expect(dev.urls()).toHaveLength(3); // one for the start, and one for each change that compiled
  expect(dev.wasCleared()).toBe(false); // or the error would have disappeared

  dev.type(keys.ctrlC);
  await vi.waitFor(() => expect(processesIn(project)).toEqual([]), patience);
}, 120_000);

test('npm run dev says that it waits after a compile error at its first start, and then starts', async () => {
  const project = await installedProject();
  const tool = join(project, 'src/tools/echo.ts');
  const source = readFileSync(tool, 'utf8');
  writeFileSync(tool, `${source}\nexport const wrong: string = 1;\n`);
  const dev = start(project, process.execPath, 'scripts/dev.js');
  const waits = /Found 1 error.*The server starts when there are no errors\./s;
  await vi.waitFor(() => expect(dev.output()).toMatch(waits), patience);
  expect(dev.urls()).toHaveLength(0);

  writeFileSync(tool, source);
  await vi.waitFor(() => expect(dev.urls()).toHaveLength(1), patience);
}, 120_000);

test('a call that runs while its tool is saved twice is answered before npm run dev restarts the server', async () => {
  const project = await installedProject();
  const tool = join(project, 'src/tools/echo.ts');
  const source = readFileSync(tool, 'utf8');
  const dev = start(project, process.execPath, 'scripts/dev.js');
  await vi.waitFor(() => expect(dev.urls()).toHaveLength(1), patience);

  const timesCompiled = () => dev.output().split('Found 0 errors').length - 1;
  const reply = ask(dev.urls()[0], 'tools/call', { name: 'countdown', arguments: { seconds: 4 } });
  for (const description of ['The first change', 'The second change']) {
    const before = timesCompiled();
    writeFileSync(tool, source.replace(/description: '.*'/, `description: '${description}'`));
    await vi.waitFor(() => expect(timesCompiled()).toBe(before + 1), patience);
  }
  expect(await reply).toContain('Counted down 4 s');
  await vi.waitFor(async () => expect(await listTools(dev.urls().at(-1))).toContain('The second'), patience);
}, 120_000);

test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)(
  '%s ends every process that dev has started',
  async (signal) => {
    const project = await installedProject();
    const dev = start(project, process.execPath, 'scripts/dev.js');
    await vi.waitFor(() => expect(dev.urls()).toHaveLength(1), patience);
    expect(processesIn(project).length).toBeGreaterThan(3);

    dev.kill(signal);
    await vi.waitFor(() => expect(processesIn(project)).toEqual([]), patience);
  },
  120_000,
);

test.each([
  ['ESRCH', 0],
  ['EPERM', 0], // macOS, of a group whose processes have all ended
  ['EINVAL', 1],
])(
  'npm run dev, when it ends a compiler and the system answers %s, exits with status %d',
  async (code, status) => {
    const project = await projectWhereEnding(code);
    const dev = execa('node', ['--import', './failing-kill.js', 'scripts/dev.js'], {
      cwd: project,
      reject: false,
    });
    for await (const line of dev.iterable()) if (line === 'the server runs') dev.kill('SIGTERM');
    const { exitCode, stderr } = await dev;
    expect(exitCode).toBe(status);
    expect(stderr.includes(`kill ${code}`)).toBe(status !== 0);
  },
);
