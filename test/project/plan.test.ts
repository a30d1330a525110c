import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Answers, completeAnswers, planProject } from '../../src/index.ts';
import { readTree, writeTree } from '../fixtures/files.ts';
import { recordedRun } from '../fixtures/recorded-run.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';

const answersIn = (cwd: string, given: Partial<Answers> = {}) =>
  completeAnswers({ directory: 'server', ...given }, { cwd, packageManager: 'npm' });

test('a plan says what would be done to each file, and does nothing', async () => {
  const cwd = temporaryDirectory();
  writeTree(cwd, { 'server/package.json': 'mine' });
  const before = readTree(cwd);
  const { run, lines } = recordedRun();
  const { files, steps } = await planProject(answersIn(cwd, { existing: 'overwrite' }), { cwd, run });
  expect(files.find(({ path }) => path === 'package.json')?.action).toBe('overwrite');
  expect(files.find(({ path }) => path === '.env')?.action).toBe('create');
  expect(steps.map(({ name, status }) => `${name} ${status}`)).toEqual([
    'render done',
    'install skipped',
    'build skipped',
    'verify skipped',
    'git skipped',
  ]);
  expect(lines).toEqual([]);
  expect(readTree(cwd)).toEqual(before);
});

test('making a plan writes exactly the files that it lists', async () => {
  const cwd = temporaryDirectory();
  writeTree(cwd, { 'server/README.md': 'mine' });
  const plan = await planProject(answersIn(cwd, { existing: 'merge', install: false, git: false }), { cwd });
  const project = await plan.make();
  expect(project.files).toEqual(plan.files);
  const written = Object.entries(readTree(join(cwd, 'server'))).filter(
    ([, text]) => !text.endsWith(' folder'),
  );
  expect(written.map(([path]) => path).sort()).toEqual(plan.files.map(({ path }) => path).sort());
  expect(readFileSync(join(cwd, 'server/README.md'), 'utf8')).toBe('mine');
});

test('a file that was created after the plan is not overwritten', async () => {
  const cwd = temporaryDirectory();
  writeTree(cwd, { 'server/notes.txt': 'mine' });
  const answers = answersIn(cwd, { existing: 'overwrite', install: false, git: false });
  const plan = await planProject(answers, { cwd });
  writeTree(cwd, { 'server/README.md': 'mine' });
  const before = readTree(cwd);
  await expect(plan.make()).rejects.toThrow('README.md was created by another program in the meantime');
  expect(readTree(cwd)).toEqual(before);
});

test('a plan that is cancelled is not made', async () => {
  const cwd = temporaryDirectory();
  await expect(planProject(answersIn(cwd), { cwd, signal: AbortSignal.abort() })).rejects.toMatchObject({
    code: 'cancelled',
  });
});
