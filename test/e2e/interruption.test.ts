import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import { readTree, writeTree } from '../fixtures/files.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';
import { cleanEnvironment, command } from './command.ts';

/** Which run of npm is stopped at, by the words after it. */
const steps = { install: 'install', build: 'run build', verify: 'run test' } as const;

/**
 * Starts the command with an npm that leaves traces like the real one, and at one step waits for ever, with a child of
 * its own.
 */
function start(cwd: string, args: readonly string[], stopAt?: string) {
  const bin = temporaryDirectory();
  writeTree(bin, {
    npm: `#!/bin/sh
case "$*" in
  install) mkdir -p node_modules/a && echo x > node_modules/a/index.js && echo x > package-lock.json ;;
  "run build") mkdir -p dist && echo x > dist/main.js ;;
esac
if [ "$*" = "${stopAt}" ]; then
  sleep 300 &
  echo $! > ${bin}/child
  wait
fi
`,
  });
  chmodSync(join(bin, 'npm'), 0o755);
  const child = spawn(command, ['x', '--yes', ...args], {
    cwd,
    env: { ...cleanEnvironment, PATH: `${bin}:${process.env.PATH}` },
    stdio: 'ignore',
  });
  return { child, childPid: () => Number(readFileSync(join(bin, 'child'), 'utf8')) };
}

const targets = [
  ['a new directory', {}, []],
  ['merge', { 'x/README.md': 'mine', 'x/src/x.ts': 'mine' }, ['--existing', 'merge']],
  ['overwrite', { 'x/README.md': 'mine', 'x/package.json': 'mine' }, ['--existing', 'overwrite']],
] as const;

describe.each(Object.entries(steps))('a signal during %s', (_step, stopAt) => {
  test.each(targets)('a signal rolls everything back: %s', async (_what, files, args) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      const cwd = temporaryDirectory();
      writeTree(cwd, files);
      const before = readTree(cwd);
      const { child, childPid } = start(cwd, args, stopAt);
      const pid = await vi.waitFor(() => childPid() || Promise.reject(new Error('not there yet')), 20_000);

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
    const pid = await vi.waitFor(() => childPid() || Promise.reject(new Error('not there yet')), 20_000);
    child.kill('SIGKILL');
    await once(child, 'exit');
    process.kill(pid);
    expect(readdirSync(join(cwd, 'x'))).toEqual(expect.arrayContaining(['.env', 'package.json', 'src']));
  });
});

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
