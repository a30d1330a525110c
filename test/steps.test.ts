import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createRun } from '../src/run.js';
import { build, git, install, requirePackageManager, verify } from '../src/steps.js';
import { templatesFolder } from '../src/version.js';
import { failed, notFound, recordedRun } from './fixtures/recorded-run.js';
import { temporaryDirectory } from './fixtures/temporary.js';

test.each(['npm', 'pnpm', 'yarn', 'bun'] as const)(
  '%s installs, builds and tests',
  async (packageManager) => {
    const { run, lines } = recordedRun();
    const context = { directory: '/x', packageManager, run };
    await install(context);
    await build(context);
    await verify(context);
    expect(lines).toEqual([
      `${packageManager} install`,
      `${packageManager} run build`,
      `${packageManager} run test`,
    ]);
  },
);

test('verifying returns the tests that passed by their own output', async () => {
  const { run } = recordedRun(() => 'ok 1 - opens a stream\nnot ok 2 - is wrong\nok 3 - refuses\n');
  expect(await verify({ directory: '/x', packageManager: 'npm', run })).toEqual([
    'opens a stream',
    'refuses',
  ]);
});

test.each([
  [install, 'install_failed', 4],
  [build, 'build_failed', 5],
  [verify, 'verify_failed', 5],
] as const)('a failure is told with its output: %o', async (step, code, exitStatus) => {
  const { run } = recordedRun(() => failed('all of it'));
  await expect(step({ directory: '/x', packageManager: 'npm', run })).rejects.toMatchObject({
    code,
    exitStatus,
    output: 'all of it',
  });
});

test('a package manager that is missing or broken is named before anything is done', async () => {
  const context = { directory: '/x', packageManager: 'bun' } as const;
  const flag = '--package-manager';
  await expect(requirePackageManager({ ...context, run: recordedRun(notFound).run })).rejects.toMatchObject({
    flag,
    message: expect.stringContaining('--package-manager bun: it is not installed on this machine'),
  });
  await expect(
    requirePackageManager({ ...context, run: recordedRun(() => failed('')).run }),
  ).rejects.toMatchObject({ flag, message: expect.stringContaining('it does not work here') });
});

describe('git', () => {
  test('makes a repository with a first commit', async () => {
    const { run, lines } = recordedRun();
    expect(await git({ directory: temporaryDirectory(), run })).toEqual({});
    expect(lines).toEqual([
      'git init --quiet',
      'git symbolic-ref HEAD refs/heads/main',
      'git check-ignore --quiet .env',
      'git add --all',
      'git commit --quiet --message Create the server with create-mcp-sse',
    ]);
  });

  test('has the branch that the workflow of the project runs on', async () => {
    const directory = temporaryDirectory();
    await git({ directory, run: createRun() });
    expect(readFileSync(join(directory, '.git/HEAD'), 'utf8')).toBe('ref: refs/heads/main\n');
    const workflow = readFileSync(join(templatesFolder, 'shared/_github/workflows/ci.yml.hbs'), 'utf8');
    expect(workflow).toContain('branches: [main]');
  });

  test('is left alone inside a repository', async () => {
    const directory = temporaryDirectory();
    mkdirSync(join(directory, '.git'));
    mkdirSync(join(directory, 'a/b'), { recursive: true });
    const { run, lines } = recordedRun();
    expect(await git({ directory: join(directory, 'a/b'), run })).toMatchObject({ status: 'skipped' });
    expect(lines).toEqual([]);
  });

  test('may be missing', async () => {
    const { run } = recordedRun(notFound);
    expect(await git({ directory: temporaryDirectory(), run })).toEqual({
      status: 'skipped',
      note: 'git is not installed',
    });
  });

  test('that does not know its user yet leaves the commit to them', async () => {
    const { run } = recordedRun((line) => (line.includes('commit') ? failed('who are you?') : ''));
    expect(await git({ directory: temporaryDirectory(), run })).toEqual({
      note: 'the first commit is left to you',
    });
  });
});
