import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, test, vi } from 'vitest';
import { readTree } from '../fixtures/files.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';
import { cleanEnvironment, command, runCommand } from './command.ts';
import { fakeNpm, type NpmStep } from './fake-npm.ts';

/** A committed project that the command made, with nothing installed. */
async function project() {
  const cwd = temporaryDirectory();
  const { exitCode } = await runCommand(['x', '--yes', '--no-install', '--no-git'], { cwd });
  expect(exitCode).toBe(0);
  const directory = join(cwd, 'x');
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t', ...args], {
      cwd: directory,
      encoding: 'utf8',
    });
  const commit = () => {
    git('add', '--all');
    git('commit', '--quiet', '--message', 'mine');
  };
  git('init', '--quiet');
  commit();
  return { cwd, directory, git, commit, read: (path: string) => readFileSync(join(directory, path), 'utf8') };
}

/** The files of a project, without those of git. */
function filesOf(directory: string) {
  return Object.fromEntries(
    Object.entries(readTree(directory)).filter(([path]) => !/^\.git(?:\/|$)/.test(path)),
  );
}

const withoutInstall = ['--no-install', '--no-verify'];

test('update says that a new project is up to date, and writes nothing', async () => {
  const { cwd, directory } = await project();
  const before = filesOf(directory);
  const { exitCode, stdout } = await runCommand(['update', 'x'], { cwd });
  expect(stdout).toMatch(/^x is up to date with create-mcp-sse \d/);
  expect(exitCode).toBe(0);
  expect(filesOf(directory)).toEqual(before);
});

test('what update prints undoes all of it', async () => {
  const { cwd, directory } = await project();
  const before = filesOf(directory);
  const { exitCode, stdout } = await runCommand(['update', 'x', '--relay', 'redis', ...withoutInstall], {
    cwd,
  });
  expect(exitCode).toBe(0);
  expect(filesOf(directory)).not.toEqual(before);
  const [, undo = ''] = stdout.split('To undo all of it:');
  for (const line of undo.trim().split('\n')) execFileSync('sh', ['-c', line], { cwd });
  const now = filesOf(directory);
  delete now['src/relay'];
  delete before['src/relay'];
  expect(now).toEqual(before);
});

test('an update with conflicts lists each place, runs nothing, and ends with exit status 6', async () => {
  const { cwd, directory, commit, read } = await project();
  const file = join(directory, 'compose.yaml');
  writeFileSync(file, readFileSync(file, 'utf8').replaceAll(/\n/g, ' # mine\n'));
  commit();
  const { exitCode, stdout } = await runCommand(['update', 'x', '--relay', 'redis'], { cwd });
  expect(exitCode).toBe(6);
  const [, line] = /These places conflict: compose\.yaml:(\d+)/.exec(stdout) ?? [];
  expect(read('compose.yaml').split('\n')[Number(line) - 1]).toBe('<<<<<<< yours');
  expect(existsSync(join(directory, 'node_modules'))).toBe(false);
  commit();
  const again = await runCommand(['update', 'x', '--json'], { cwd });
  expect(again.exitCode).toBe(3);
  expect(JSON.parse(again.stdout)).toMatchObject({ ok: false, error: { code: 'project_not_ready' } });
});

test('--json prints one object, also of a dry run', async () => {
  const { cwd, directory } = await project();
  const before = filesOf(directory);
  const args = ['update', 'x', '--auth', 'jwt', '--json', ...withoutInstall];
  const dry = JSON.parse((await runCommand([...args, '--dry-run'], { cwd })).stdout);
  expect(filesOf(directory)).toEqual(before);
  const done = JSON.parse((await runCommand(args, { cwd })).stdout);
  expect(done).toMatchObject({ ok: true, variables: ['JWT_SECRET'], answers: { auth: 'jwt' } });
  expect(dry.files).toEqual(done.files);
});

test.each([
  [['--existing', 'merge'], '--existing must be left out of an update'],
  [['--config', 'x.json'], '--config must be left out of an update'],
  [['--no-git'], '--no-git must be left out of an update'],
  [['--port', '70000'], '--port 70000 must be a whole number'],
  [['--auth', 'none', '--protect', 'sse'], '--protect sse must be left out with --auth none'],
])('update %j is refused with exit status 2', async (flags, why) => {
  const { cwd } = await project();
  const { exitCode, stderr } = await runCommand(['update', 'x', ...flags], { cwd });
  expect(stderr).toContain(why);
  expect(exitCode).toBe(2);
});

test('a directory called update or add is written with ./ before it', async () => {
  const cwd = temporaryDirectory();
  mkdirSync(join(cwd, 'update'));
  const { exitCode } = await runCommand(['./update', '--yes', '--no-install', '--no-git'], { cwd });
  expect(exitCode).toBe(0);
  expect(existsSync(join(cwd, 'update/create-mcp-sse.json'))).toBe(true);
});

describe.each<[string, NpmStep]>([
  ['install', 'install'],
  ['build', 'run build'],
  ['proof', 'run test'],
])('during the %s of an update', (_what, stopAt) => {
  /** Starts an update whose npm waits for ever at one step. */
  async function stopped(cwd: string) {
    const folder = temporaryDirectory();
    const bin = fakeNpm({ [stopAt]: `sleep 300 & echo $! > ${folder}/child; wait` });
    const child = spawn(command, ['update', 'x', '--relay', 'redis'], {
      cwd,
      env: { ...cleanEnvironment, PATH: `${bin}:${process.env.PATH}` },
      stdio: 'ignore',
    });
    const pid = await vi.waitFor(
      () => Number(readFileSync(join(folder, 'child'), 'utf8')) || Promise.reject(new Error('not there yet')),
      20_000,
    );
    return { child, pid };
  }

  test('Ctrl-C leaves the files as they were', async () => {
    const { cwd, directory, git } = await project();
    const before = filesOf(directory);
    const { child } = await stopped(cwd);
    child.kill('SIGINT');
    const [exitCode] = await once(child, 'exit');
    expect(exitCode).toBe(130);
    expect(git('status', '--porcelain')).toBe('');
    const now = Object.entries(filesOf(directory)).filter(
      ([path]) => !/^(?:node_modules|dist|dist-test)\b/.test(path),
    );
    expect(Object.fromEntries(now)).toEqual(before);
  });

  test('kill -9 leaves what the next update finishes', async () => {
    const { cwd, read, git } = await project();
    const { child, pid } = await stopped(cwd);
    child.kill('SIGKILL');
    await once(child, 'exit');
    process.kill(pid);
    const { exitCode, stdout } = await runCommand(['update', 'x', ...withoutInstall], { cwd });
    expect(stdout).toContain('as the run before began it');
    expect(exitCode).toBe(0);
    expect(JSON.parse(read('create-mcp-sse.json')).relay).toBe('redis');
    expect(git('status', '--porcelain')).toContain('?? src/relay/');
    git('add', '--all');
    git('commit', '--quiet', '--message', 'updated');
    expect((await runCommand(['update', 'x'], { cwd })).stdout).toContain('up to date');
  });
});

describe('at any moment of an update', () => {
  const args = ['update', 'x', '--relay', 'redis', ...withoutInstall];

  /** Runs an update and sends it a signal after a while. @returns its exit status; null if it was killed */
  async function interrupted(cwd: string, signal: NodeJS.Signals, milliseconds: number) {
    const child = spawn(command, args, { cwd, env: cleanEnvironment, stdio: 'ignore' });
    const ended = once(child, 'exit');
    const timer = setTimeout(() => child.kill(signal), milliseconds);
    const [exitCode] = await ended;
    clearTimeout(timer);
    return exitCode as number | null;
  }

  /** What is left of a run in git's folder. */
  const leftIn = (directory: string) =>
    readdirSync(join(directory, '.git')).filter((name) => name.startsWith('create-mcp-sse'));

  /** The files before an update and after it, and moments from its begin to its end. */
  async function measured() {
    const { cwd, directory } = await project();
    const before = filesOf(directory);
    const start = performance.now();
    expect(await interrupted(cwd, 'SIGINT', 60_000)).toBe(0);
    const duration = performance.now() - start;
    const moments = Array.from({ length: 8 }, (_, index) => ((index + 2) * duration) / 10);
    return { before, after: filesOf(directory), moments };
  }

  /** Without secrets, which are another's in each project. */
  const comparable = ({ '.env': _, ...files }: Record<string, string>) => files;

  test('Ctrl-C leaves the files as they were, or all of them updated', async () => {
    const { before, after, moments } = await measured();
    for (const moment of moments) {
      const { cwd, directory } = await project();
      const exitCode = await interrupted(cwd, 'SIGINT', moment);
      expect([0, 130]).toContain(exitCode);
      expect(comparable(filesOf(directory))).toEqual(comparable(exitCode === 0 ? after : before));
      expect(leftIn(directory)).toEqual([]);
    }
  }, 180_000);

  test('kill -9 leaves what the next update finishes', async () => {
    const { after, moments } = await measured();
    for (const moment of moments) {
      const { cwd, directory } = await project();
      await interrupted(cwd, 'SIGKILL', moment);
      const { exitCode, stderr } = await runCommand(args, { cwd });
      // Killed after its last file, it had nothing left to do.
      if (exitCode !== 0) expect(stderr).toContain('has changes that are not committed');
      expect(comparable(filesOf(directory))).toEqual(comparable(after));
      expect(leftIn(directory)).toEqual([]);
    }
  }, 180_000);
});

describe('add', () => {
  test('writes a tool, its test and its registration', async () => {
    const { directory, git, read } = await project();
    const { exitCode, stdout } = await runCommand(['add', 'tool', 'look_up'], { cwd: directory });
    expect(exitCode).toBe(0);
    expect(stdout).toContain('Nothing is installed');
    expect(git('status', '--porcelain').trim().split('\n')).toEqual([
      'M src/mcp-server.ts',
      '?? src/tools/look-up.ts',
      '?? test/look-up.test.ts',
    ]);
    expect(read('src/mcp-server.ts')).toContain('  registerLookUp(server);\n\n  return server;');
  });

  test('prints the two lines to add if src/mcp-server.ts no longer has the known form', async () => {
    const { directory } = await project();
    writeFileSync(join(directory, 'src/mcp-server.ts'), 'export { createMcpServer } from "./mine.ts";\n');
    const { exitCode, stdout } = await runCommand(['add', 'prompt', 'explain'], { cwd: directory });
    expect(exitCode).toBe(0);
    expect(stdout).toContain(
      "import { registerExplain } from './prompts/explain.ts';\n  registerExplain(server);",
    );
  });

  test.each<NpmStep>(['run build', 'run test'])(
    'Ctrl-C during npm %s leaves the files as they were',
    async (step) => {
      const { directory, git } = await project();
      const folder = temporaryDirectory();
      const bin = fakeNpm({ [step]: `sleep 300 & echo $! > ${folder}/child; wait` });
      mkdirSync(join(directory, 'node_modules'));
      const child = spawn(command, ['add', 'tool', 'look_up'], {
        cwd: directory,
        env: { ...cleanEnvironment, PATH: `${bin}:${process.env.PATH}` },
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      const stderr = text(child.stderr);
      await vi.waitFor(() => expect(readFileSync(join(folder, 'child'), 'utf8')).toMatch(/\d\n/), 20_000);
      expect(git('status', '--porcelain')).toContain('src/tools/look-up.ts');
      child.kill('SIGINT');
      expect(await once(child, 'exit')).toEqual([130, null]);
      expect(await stderr).toContain('cancelled, nothing was written');
      expect(git('status', '--porcelain')).toBe('');
    },
  );

  test('--help prints the options', async () => {
    const { exitCode, stdout } = await runCommand(['add', '--help'], { cwd: temporaryDirectory() });
    expect(exitCode).toBe(0);
    expect(stdout).toContain('create-mcp-sse add tool|resource|prompt NAME');
  });

  test.each([
    [['tool', 'echo'], 'src/tools/echo.ts exists'],
    [['resource', 'server-time'], 'src/resources/server-time.ts exists'],
    [['tool', '../x'], 'must be followed by a name'],
    [['tool', 'a'.repeat(65)], 'must be followed by a name'],
    [['tool', '1st'], 'must be followed by a name'],
    [['tools', 'x'], 'add tools must be add tool, add resource, add prompt'],
    [['tool'], 'add must be followed by tool, resource or prompt, and one name'],
  ])('%j is refused before anything is written', async (words, why) => {
    const { directory } = await project();
    const before = filesOf(directory);
    const { exitCode, stderr } = await runCommand(['add', ...words], { cwd: directory });
    expect(stderr).toContain(why);
    expect(exitCode).toBe(2);
    expect(filesOf(directory)).toEqual(before);
  });
});
