import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, onTestFinished, test } from 'vitest';
import { readTree, writeTree } from '../fixtures/files.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';
import { runCommand } from './command.ts';
import { fakeNpm, type NpmStep } from './fake-npm.ts';

/** What a hook, a script or a test runner above the command may have set for itself. */
const surroundings = {
  NODE_ENV: 'production',
  NODE_OPTIONS: '--test-only --test-reporter=dot',
  NODE_TEST_CONTEXT: 'child-v8',
  npm_config_omit: 'dev',
  NPM_CONFIG_ONLY: 'prod',
  npm_config_production: 'true',
  npm_config_global: 'true',
  npm_config_location: 'global',
  npm_config_package_lock: 'false',
  npm_config_dry_run: 'true',
  npm_config_workspaces: 'true',
  npm_config_script_shell: '/bin/true',
  YARN_PRODUCTION: 'true',
};

/** Settings of the user in files, which no environment can be cleaned of. */
const npmrc = 'omit[]=dev\nomit[]=optional\npackage-lock=false\nnode-options=--test-only\n';

describe('with the real npm', () => {
  test('variables and settings of the caller do not decide what is installed and what is proved', async () => {
    const cwd = temporaryDirectory();
    writeTree(cwd, { '.npmrc': npmrc });
    const env = { ...surroundings, npm_config_userconfig: join(cwd, '.npmrc') };
    const { exitCode, stdout } = await runCommand(['x', '--yes', '--no-git'], { cwd, env });
    expect(stdout).toMatch(/Proved by its own tests {2}\(\d+ tests, /);
    expect(exitCode).toBe(0);
    expect(existsSync(join(cwd, 'x/package-lock.json'))).toBe(true);
  }, 120_000);

  test('a server whose own provider is not written yet is not called proved, and why is said', async () => {
    const cwd = temporaryDirectory();
    const { exitCode, stdout } = await runCommand(['x', '--yes', '--no-git', '--auth', 'custom'], { cwd });
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/Not proved {2}\(no client connected, /);
    expect(stdout).not.toContain('Proved by');
    expect(stdout).toContain(
      'The server is not proved: no client connected (test/credentials.ts has no good credential yet). Once that is settled, run npm test',
    );
  }, 120_000);

  test('if a setting of the user runs no scripts, the server is not called proved', async () => {
    const cwd = temporaryDirectory();
    writeTree(cwd, { '.npmrc': 'script-shell=/bin/true\n' });
    const env = { npm_config_userconfig: join(cwd, '.npmrc') };
    const { exitCode, stdout, stderr } = await runCommand(['x', '--yes', '--no-git'], { cwd, env });
    expect(exitCode).toBe(5);
    expect(stdout).not.toContain('Proved by');
    expect(stderr).toContain('✗ the server is not proved: no test ran');
  }, 120_000);
});

async function withNpm(then: Partial<Record<NpmStep, string>>) {
  const cwd = temporaryDirectory();
  const env = { PATH: `${fakeNpm(then)}:${process.env.PATH}` };
  return { cwd, ...(await runCommand(['x', '--yes', '--no-git'], { cwd, env })) };
}

test.each([
  'exit 0',
  'echo "✔ a tool call is answered (1.2ms)"; echo "ok 1 - a client connects and finds the tools"',
  'NODE_TEST_CONTEXT=child-v8 node --test',
])('tests that report nothing end with status 5, whatever they print: %s', async (script) => {
  const { exitCode, stderr } = await withNpm({ 'run test': script });
  expect(stderr).toContain('✗ the server is not proved: no test ran');
  expect(exitCode).toBe(5);
});

describe('a full disk', () => {
  const warning = 'npm warn tar TAR_ENTRY_ERROR ENOSPC: no space left on device, write';
  test.each([
    ['npm ends with an error', `echo "npm error code ENOSPC"; exit 228`],
    ['npm only warns of it', `echo "${warning}"`],
    [
      'npm warns of it and fails at something else',
      `echo "${warning}"; echo "npm error code ENOENT"; exit 254`,
    ],
  ])('a full disk is named as the reason if %s', async (_how, script) => {
    const { cwd, exitCode, stderr } = await withNpm({ install: script });
    expect(stderr).toMatch(/^✗ the disk is full/m);
    expect(exitCode).toBe(4);
    expect(readdirSync(cwd)).toEqual(['x']);
  });

  /** A file system of its own that is soon full; undefined if this user may mount none. */
  function smallDisk(size: string): string | undefined {
    const folder = temporaryDirectory();
    const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', folder]);
    if (mount.status !== 0) return undefined;
    onTestFinished(() => {
      spawnSync('umount', [folder]);
    });
    return folder;
  }
  const noMount = 'only root can mount a small disk';

  test('on a disk that is full after some files, nothing of the project is left', async ({ skip }) => {
    const disk = smallDisk('300k') ?? skip(noMount);
    const { exitCode, stderr } = await runCommand(['x', '--yes', '--no-install', '--no-git'], { cwd: disk });
    expect(stderr).toMatch(/^✗ cannot write .*: the disk is full$/m);
    expect(exitCode).toBe(3);
    expect(readdirSync(disk)).toEqual([]);
  });

  test('on a disk that the real npm fills, the install fails and says why', async ({ skip }) => {
    const disk = smallDisk('12m') ?? skip(noMount);
    const { exitCode, stderr } = await runCommand(['x', '--yes', '--no-git'], { cwd: disk });
    expect(stderr).toMatch(/^✗ the disk is full: npm install failed/m);
    expect(exitCode).toBe(4);
    expect(readdirSync(disk)).toEqual(['x']);
  }, 120_000);
});

test('an install that writes no lock file is said to', async () => {
  const { stdout } = await withNpm({ install: 'rm package-lock.json', 'run build': 'exit 1' });
  expect(stdout).toContain('Installed with npm  (without a lock file');
});

describe('inside a workspace', () => {
  /** A workspace that is installed, and includes the folder of the project. */
  async function workspace(install: readonly [string, ...string[]]) {
    const root = temporaryDirectory();
    writeTree(root, {
      'package.json': JSON.stringify({ name: 'root', private: true, workspaces: ['packages/*'] }),
      'packages/other/package.json': JSON.stringify({ name: 'other', version: '1.0.0' }),
    });
    const [program, ...args] = install;
    await execa(program, args, { cwd: root });
    return root;
  }

  const outside = (root: string) =>
    Object.fromEntries(Object.entries(readTree(root)).filter(([path]) => !path.startsWith('packages/x')));

  test.each([
    ['npm', undefined, 'package-lock.json'],
    ['yarn', 'yarn@1.22.22', 'yarn.lock'],
    ['bun', 'bun@1.4.5', 'bun.lock'],
  ])(
    '%s leaves the workspace as it was, and the project has its own lock file',
    async (manager, spec, lock) => {
      const tools = temporaryDirectory();
      if (spec !== undefined)
        await execa('npm', ['install', '--no-audit', '--no-fund', '--prefix', tools, spec]);
      const PATH = `${join(tools, 'node_modules/.bin')}:${process.env.PATH}`;
      const root = await workspace(['env', `PATH=${PATH}`, manager, 'install']);
      const before = outside(root);
      const { exitCode, stdout } = await runCommand(['x', '--yes', '--package-manager', manager], {
        cwd: join(root, 'packages'),
        env: { PATH },
      });
      expect(stdout).toContain('Proved by its own tests');
      expect(exitCode).toBe(0);
      expect(outside(root)).toEqual(before);
      expect(readFileSync(join(root, 'packages/x', lock), 'utf8')).toContain('zod');
      expect(readdirSync(join(root, 'packages/x')).filter((name) => name.startsWith('.install'))).toEqual([]);
    },
    180_000,
  );
});
