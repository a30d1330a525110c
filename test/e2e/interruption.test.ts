import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import { readTree, writeTree } from '../fixtures/files.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';
import { cleanEnvironment, command, runCommand } from './command.ts';
import { fakeNpm, type NpmStep } from './fake-npm.ts';

/** Which run of npm is stopped at. */
const steps: Record<string, NpmStep> = { install: 'install', build: 'run build', verify: 'run test' };

/** Starts the command with an npm that waits for ever at one step, with a child of its own. */
function start(cwd: string, args: readonly string[], stopAt?: NpmStep) {
  const folder = temporaryDirectory();
  const wait = `sleep 300 & echo $! > ${folder}/child; wait`;
  const bin = fakeNpm(stopAt === undefined ? {} : { [stopAt]: wait });
  const child = spawn(command, ['x', '--yes', ...args], {
    cwd,
    env: { ...cleanEnvironment, PATH: `${bin}:${process.env.PATH}` },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const stderr = text(child.stderr);
  const childPid = () =>
    vi.waitFor(
      () => Number(readFileSync(join(folder, 'child'), 'utf8')) || Promise.reject(new Error('not there yet')),
      20_000,
    );
  return { child, childPid, stderr };
}

const targets = [
  ['a new directory', {}, []],
  ['merge', { 'x/README.md': 'mine', 'x/src/x.ts': 'mine' }, ['--existing', 'merge']],
  ['overwrite', { 'x/README.md': 'mine', 'x/package.json': 'mine' }, ['--existing', 'overwrite']],
  [
    'overwrite, where an earlier build and install are',
    {
      'x/dist/main.js': 'mine',
      'x/dist/other.js': 'mine',
      'x/dist-test/server.test.js': 'mine',
      'x/node_modules/a/index.js': 'mine',
      'x/package-lock.json': 'mine',
    },
    ['--existing', 'overwrite'],
  ],
] as const;

describe.each(Object.entries(steps))('a signal during %s', (_step, stopAt) => {
  test.each(targets)('a signal rolls everything back: %s', async (_what, files, args) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      const cwd = temporaryDirectory();
      writeTree(cwd, files);
      const before = readTree(cwd);
      const { child, childPid } = start(cwd, args, stopAt);
      const pid = await childPid();

      child.kill(signal);
      const [exitCode] = await once(child, 'exit');
      expect(exitCode).toBe(130);
      expect(readTree(cwd)).toEqual(before);
      // What npm had started is ended too, else it could go on writing.
      expect(
        existsSync(`/proc/${pid}/stat`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8')),
      ).toBe(false);
    }
  });

  test('a signal that cannot be caught leaves the whole project', async () => {
    const cwd = temporaryDirectory();
    const { child, childPid } = start(cwd, [], stopAt);
    const pid = await childPid();
    child.kill('SIGKILL');
    await once(child, 'exit');
    process.kill(pid);
    expect(readdirSync(join(cwd, 'x'))).toEqual(expect.arrayContaining(['.env', 'package.json', 'src']));
  });
});

test.each(Object.entries(steps))(
  'what somebody adds or changes during %s stays after Ctrl-C, and what was changed is named',
  async (_step, stopAt) => {
    const cwd = temporaryDirectory();
    const { child, childPid, stderr } = start(cwd, [], stopAt);
    await childPid();
    const mine = {
      'notes.txt': 'mine',
      'src/mine/tool.ts': 'mine',
      'data/x.csv': 'mine',
      'README.md': 'edited',
    };
    writeTree(join(cwd, 'x'), mine);
    rmSync(join(cwd, 'x/Dockerfile'));
    child.kill('SIGINT');
    const [exitCode] = await once(child, 'exit');
    expect(exitCode).toBe(130);
    expect(await stderr).toContain('these files stay, because somebody changed them meanwhile: README.md');
    const files = Object.entries(readTree(cwd)).filter(([, content]) => !content.endsWith('folder'));
    expect(Object.fromEntries(files)).toEqual(
      Object.fromEntries(Object.entries(mine).map(([path, content]) => [`x/${path}`, `644 ${content}`])),
    );
  },
);

test('what somebody puts into the folder of an earlier step stays after Ctrl-C', async () => {
  const cwd = temporaryDirectory();
  const { child, childPid } = start(cwd, [], 'run test');
  await childPid();
  writeTree(join(cwd, 'x'), { 'node_modules/mine/index.js': 'mine', 'dist/mine.js': 'mine' });
  child.kill('SIGINT');
  await once(child, 'exit');
  const files = Object.entries(readTree(cwd)).filter(([, content]) => !content.endsWith('folder'));
  expect(files.map(([path]) => path)).toEqual(['x/dist/mine.js', 'x/node_modules/mine/index.js']);
});

test.each(['overwrite', 'merge'])(
  'while one run has not ended, another into the same directory ends with status 3: --existing %s',
  async (existing) => {
    const cwd = temporaryDirectory();
    const { child, childPid } = start(cwd, [], 'install');
    await childPid();
    const before = readTree(cwd);
    const { exitCode, stderr } = await runCommand(['x', '--yes', '--no-install', '--existing', existing], {
      cwd,
    });
    expect(stderr).toContain('✗ another run is writing to the same directory');
    expect(exitCode).toBe(3);
    expect(readTree(cwd)).toEqual(before);
    child.kill('SIGINT');
    await once(child, 'exit');
    expect(readdirSync(cwd)).toEqual([]);
  },
);

test('if the command is killed at any moment of writing, a new directory is complete or does not exist', async () => {
  const whole = temporaryDirectory();
  await once(start(whole, ['--no-install', '--no-git']).child, 'exit');
  const allFiles = Object.keys(readTree(join(whole, 'x')));

  const outcomes = new Set<string>();
  for (let milliseconds = 60; milliseconds < 260; milliseconds += 10) {
    const cwd = temporaryDirectory();
    const { child } = start(cwd, ['--no-install', '--no-git']);
    await delay(milliseconds); // any moment is a good one here
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    if (existsSync(join(cwd, 'x'))) expect(Object.keys(readTree(join(cwd, 'x')))).toEqual(allFiles);
    outcomes.add(existsSync(join(cwd, 'x')) ? 'whole' : 'not there');
  }
  expect(outcomes).toContain('not there');
});
