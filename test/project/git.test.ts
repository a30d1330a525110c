import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { templatesFolder } from '../../src/index.ts';
import { git } from '../../src/project/git.ts';
import { createRun } from '../../src/project/run.ts';
import { failed, notFound, recordedRun } from '../fixtures/recorded-run.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';

test('git creates a repository with a first commit', async () => {
  const { run, lines } = recordedRun();
  expect(await git.run({ directory: temporaryDirectory(), run })).toEqual({});
  expect(lines).toEqual([
    'git init --quiet',
    'git symbolic-ref HEAD refs/heads/main',
    'git check-ignore --quiet .env',
    'git add --all',
    'git commit --quiet --message Create the server with create-mcp-sse',
  ]);
});

test('the branch of the repository is the one that the project’s workflow runs on', async () => {
  const directory = temporaryDirectory();
  await git.run({ directory, run: createRun() });
  expect(readFileSync(join(directory, '.git/HEAD'), 'utf8')).toBe('ref: refs/heads/main\n');
  const workflow = readFileSync(join(templatesFolder, 'shared/_github/workflows/ci.yml.hbs'), 'utf8');
  expect(workflow).toContain('branches: [main]');
});

test('inside a repository no other one is created', async () => {
  const directory = temporaryDirectory();
  mkdirSync(join(directory, '.git'));
  mkdirSync(join(directory, 'a/b'), { recursive: true });
  const { run, lines } = recordedRun();
  expect(await git.run({ directory: join(directory, 'a/b'), run })).toMatchObject({ status: 'skipped' });
  expect(lines).toEqual([]);
});

test('without git the step is skipped', async () => {
  const { run } = recordedRun(notFound);
  expect(await git.run({ directory: temporaryDirectory(), run })).toEqual({
    status: 'skipped',
    note: 'git is not installed',
  });
});

test('nothing is committed if git does not ignore .env', async () => {
  const { run, lines } = recordedRun((line) => (line.includes('check-ignore') ? failed('') : ''));
  expect(await git.run({ directory: temporaryDirectory(), run })).toEqual({
    note: 'nothing committed: first add .env, which holds the secret, to your .gitignore',
  });
  expect(lines.at(-1)).toContain('check-ignore');
});

test('a commit that git refuses is left to the user', async () => {
  const { run } = recordedRun((line) => (line.includes('commit') ? failed('who are you?') : ''));
  expect(await git.run({ directory: temporaryDirectory(), run })).toEqual({
    note: 'nothing committed: run git commit to see why',
  });
});
