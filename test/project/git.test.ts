import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { templatesFolder } from '../../src/index.ts';
import { git } from '../../src/project/git.ts';
import { createRun } from '../../src/project/run.ts';
import { writeTree } from '../fixtures/files.ts';
import { failed, notFound, recordedRun } from '../fixtures/recorded-run.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';

/** A small project, and beside it a file of the user that is not for the first commit. */
function project() {
  const directory = temporaryDirectory();
  writeTree(directory, {
    'README.md': '',
    'src/main.ts': '',
    '.env': '',
    'package-lock.json': '',
    'notes.txt': '',
  });
  return { directory, packageManager: 'npm', paths: ['.env', 'README.md', 'src/main.ts'] } as const;
}

test('git creates a repository with a first commit', async () => {
  const { run, lines } = recordedRun();
  expect(await git.run({ ...project(), run })).toEqual({});
  expect(lines).toEqual([
    'git init --quiet',
    'git symbolic-ref HEAD refs/heads/main',
    'git check-ignore --quiet .env',
    'git add --force -- README.md src/main.ts package-lock.json',
    'git commit --quiet --message Create the server with create-mcp-sse',
  ]);
});

test('the branch of the repository is the one that the project’s workflow runs on', async () => {
  const { directory, ...rest } = project();
  await git.run({ directory, ...rest, run: createRun() });
  expect(readFileSync(join(directory, '.git/HEAD'), 'utf8')).toBe('ref: refs/heads/main\n');
  const workflow = readFileSync(join(templatesFolder, 'shared/_github/workflows/ci.yml.hbs'), 'utf8');
  expect(workflow).toContain('branches: [main]');
});

test('inside a repository no other one is created', async () => {
  const directory = temporaryDirectory();
  mkdirSync(join(directory, '.git'));
  mkdirSync(join(directory, 'a/b'), { recursive: true });
  const wanted = { install: true, verify: true, git: true };
  expect(git.skip({ directory: join(directory, 'a/b'), wanted })).toBe('inside a repository');
});

test('without git the step is skipped', async () => {
  const { run } = recordedRun(notFound);
  expect(await git.run({ ...project(), run })).toEqual({
    status: 'skipped',
    note: 'git is not installed',
  });
});

test('nothing is committed if git does not ignore .env', async () => {
  const { run, lines } = recordedRun((line) => (line.includes('check-ignore') ? failed('') : ''));
  expect(await git.run({ ...project(), run })).toEqual({
    note: 'nothing committed: first add .env, which holds the secret, to your .gitignore',
  });
  expect(lines.at(-1)).toContain('check-ignore');
});

test('if git refuses the commit, what it says and how to go on are told', async () => {
  const said =
    'Author identity unknown\n\n*** Please tell me who you are.\n\nfatal: empty ident name not allowed';
  const { run } = recordedRun((line) => (line.includes('commit') ? failed(said) : ''));
  expect(await git.run({ ...project(), run })).toEqual({
    note: 'nothing committed: empty ident name not allowed',
    remark:
      'Nothing is committed yet, because git says: empty ident name not allowed. Once that is settled, run: ' +
      "git add --all, then git commit --quiet --message 'Create the server with create-mcp-sse'",
  });
});

test('if git refuses the repository, none is left and what it says is told', async () => {
  const context = project();
  const { run } = recordedRun((line) => {
    if (line.includes('init')) mkdirSync(join(context.directory, '.git'));
    return line.includes('symbolic-ref') ? failed('fatal: detected dubious ownership\nTo add …') : '';
  });
  expect(await git.run({ ...context, run })).toMatchObject({
    status: 'skipped',
    note: 'detected dubious ownership',
    remark: expect.stringContaining('git says: detected dubious ownership'),
  });
  expect(existsSync(join(context.directory, '.git'))).toBe(false);
});
