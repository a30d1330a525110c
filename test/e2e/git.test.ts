import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, inject, test } from 'vitest';
import { readTree, writeTree } from '../fixtures/files.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';
import { cleanEnvironment, command, runCommand } from './command.ts';

/** Who commits, and none of the settings of this machine. */
const identity = {
  GIT_AUTHOR_NAME: 'A',
  GIT_AUTHOR_EMAIL: 'a@example.com',
  GIT_COMMITTER_NAME: 'A',
  GIT_COMMITTER_EMAIL: 'a@example.com',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
};

async function git(cwd: string, ...args: string[]): Promise<string> {
  const env = { ...cleanEnvironment, ...identity };
  return (await execa('git', args, { cwd, env, extendEnv: false })).stdout;
}

/** A repository of somebody else with one commit. */
async function otherRepository(): Promise<string> {
  const directory = temporaryDirectory();
  writeTree(directory, { 'other.txt': 'other' });
  await git(directory, 'init', '--quiet', '--initial-branch=trunk');
  await git(directory, 'add', '--all');
  await git(directory, 'commit', '--quiet', '--message', 'theirs');
  return directory;
}

const quick = ['--no-install', '--yes'];

test('the variables of git that the caller has set do not decide which repository is made', async () => {
  const other = await otherRepository();
  const before = readTree(other);
  const cwd = temporaryDirectory();
  const env = {
    ...identity,
    GIT_DIR: join(other, '.git'),
    GIT_WORK_TREE: other,
    GIT_INDEX_FILE: join(other, '.git/index'),
    GIT_OBJECT_DIRECTORY: join(other, '.git/objects'),
    GIT_NAMESPACE: 'theirs',
    GIT_CONFIG_COUNT: '1',
    GIT_CONFIG_KEY_0: 'core.worktree',
    GIT_CONFIG_VALUE_0: other,
  };
  const { exitCode, stdout } = await runCommand(['x', ...quick], { cwd, env });
  expect(exitCode).toBe(0);
  expect(stdout).toContain('Created a git repository');
  expect(readTree(other)).toEqual(before);
  expect(await git(join(cwd, 'x'), 'log', '--format=%s')).toBe('Create the server with create-mcp-sse');
  expect(await git(join(cwd, 'x'), 'status', '--porcelain')).toBe('');
});

test.each([
  [
    'a hook',
    (script: string) => [['-c', `core.hooksPath=${script}`, 'commit', '--allow-empty', '-m', 'more']],
  ],
  [
    'git rebase --exec',
    (script: string) => [['rebase', '--quiet', '--root', '--exec', `${script}/pre-commit`]],
  ],
])('run by %s of another repository, the command leaves that alone', async (_what, commands) => {
  const other = await otherRepository();
  const cwd = temporaryDirectory();
  const script = temporaryDirectory();
  writeTree(script, { 'pre-commit': `#!/bin/sh\ncd ${cwd} && ${command} x ${quick.join(' ')}\n` });
  chmodSync(join(script, 'pre-commit'), 0o755);
  for (const words of commands(script)) await git(other, ...words);
  expect(await git(other, 'branch', '--show-current')).toBe('trunk');
  expect(await git(other, 'ls-tree', '-r', '--name-only', 'HEAD')).toBe('other.txt');
  expect(await git(join(cwd, 'x'), 'log', '--format=%s')).toBe('Create the server with create-mcp-sse');
});

test('the first commit holds all of the project and nothing else that is in the directory', async () => {
  const cwd = temporaryDirectory();
  // What the user's own git ignores everywhere is a part of the project nevertheless.
  writeTree(cwd, {
    'x/notes.txt': 'mine',
    ignored: '*.md\n*.json\n',
    config: `[core]\nexcludesFile = ${cwd}/ignored\n`,
  });
  const env = { ...identity, GIT_CONFIG_GLOBAL: join(cwd, 'config') };
  const { exitCode } = await runCommand(['x', ...quick, '--existing', 'merge'], { cwd, env });
  expect(exitCode).toBe(0);
  const committed = (await git(join(cwd, 'x'), 'ls-files')).split('\n');
  const files = Object.entries(readTree(join(cwd, 'x'))).filter(
    ([path, text]) => !/^\.git\//.test(path) && !text.endsWith('folder'),
  );
  expect(committed.sort()).toEqual(
    files
      .map(([path]) => path)
      .filter((path) => !['.env', 'notes.txt'].includes(path))
      .sort(),
  );
  expect(await git(join(cwd, 'x'), 'status', '--porcelain')).toBe('?? notes.txt');
});

test('in a directory whose parent is not writable, nothing of the staging is committed or left', async ({
  skip,
}) => {
  if (process.getuid?.() !== 0) skip('needs root, to become another user');
  const nobody = 65534;
  const parent = temporaryDirectory();
  mkdirSync(join(parent, 'x'));
  chmodSync(parent, 0o755);
  chmodSync(inject('installed'), 0o755);
  chownSync(join(parent, 'x'), nobody, nobody);
  const { exitCode } = await execa(command, ['.', ...quick], {
    cwd: join(parent, 'x'),
    env: { ...cleanEnvironment, ...identity, HOME: '/nonexistent' },
    extendEnv: false,
    uid: nobody,
    gid: nobody,
    reject: false,
  });
  expect(exitCode).toBe(0);
  const safe = ['-c', `safe.directory=${join(parent, 'x')}`];
  expect(await git(join(parent, 'x'), ...safe, 'ls-files')).not.toContain('.create-mcp-sse');
  expect(await git(join(parent, 'x'), ...safe, 'status', '--porcelain')).toBe('');
  expect(readdirSync(join(parent, 'x')).filter((name) => name.startsWith('.create'))).toEqual([]);
});

test('if git refuses a directory of another user, no repository is left and its reason is told', async ({
  skip,
}) => {
  if (process.getuid?.() !== 0) skip('needs root, to give a directory to another user');
  const cwd = temporaryDirectory();
  mkdirSync(join(cwd, 'x'));
  chownSync(join(cwd, 'x'), 65534, 65534);
  const { exitCode, stdout } = await runCommand(['x', ...quick], { cwd, env: identity });
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/No git repository {2}\(detected dubious ownership in repository at /);
  expect(stdout).toContain('There is no git repository, because git says: detected dubious ownership');
  expect(existsSync(join(cwd, 'x/.git'))).toBe(false);
});

test.each([
  ['no name', '[user]\nuseConfigOnly = true\n', /no email was given|unable to auto-detect|empty ident/],
  ['a hook that refuses', '[core]\nhooksPath = HOOKS\n', /not on a Friday/],
])(
  'if git does not commit because of %s, its reason and the commands to go on are told',
  async (_why, config, reason) => {
    const cwd = temporaryDirectory();
    writeTree(cwd, {
      config: config.replace('HOOKS', cwd),
      'pre-commit': '#!/bin/sh\necho not on a Friday >&2; exit 1\n',
    });
    chmodSync(join(cwd, 'pre-commit'), 0o755);
    const who = config.includes('HOOKS') ? identity : {};
    const env = { ...who, GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: join(cwd, 'config') };
    const { exitCode, stdout } = await runCommand(['x', ...quick], { cwd, env });
    expect(exitCode).toBe(0);
    expect(stdout).toContain('nothing committed: ');
    expect(stdout).toMatch(reason);
    expect(stdout).toContain(
      "git add --all, then git commit --quiet --message 'Create the server with create-mcp-sse'",
    );
  },
);
