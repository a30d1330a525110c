import { expect, test } from 'vitest';
import type { StepContext } from '../../src/project/step-runner.ts';
import { build, install, requirePackageManager, steps, verify } from '../../src/project/steps.ts';
import { failed, notFound, recordedRun } from '../fixtures/recorded-run.ts';

const npm = { directory: '/x', packageManager: 'npm' } as const;

test.each(['npm', 'pnpm', 'yarn', 'bun'] as const)(
  '%s installs, builds and tests a project',
  async (packageManager) => {
    const { run, lines } = recordedRun();
    const context = { directory: '/x', packageManager, run };
    await install.run(context);
    await build.run(context);
    await verify.run(context);
    expect(lines.slice(0, 3)).toEqual([
      `${packageManager} install`,
      `${packageManager} run build`,
      `${packageManager} run test`,
    ]);
  },
);

test('verifying reports the tests that passed according to their output', async () => {
  const { run } = recordedRun(() => 'ok 1 - opens a stream\nnot ok 2 - is wrong\nok 3 - refuses\n');
  expect(await verify.run({ ...npm, run })).toEqual({
    passed: ['opens a stream', 'refuses'],
    note: '2 tests',
  });
});

test('verifying also starts the server with its own settings, once its tests have passed', async () => {
  const { run, lines } = recordedRun();
  await verify.run({ ...npm, run });
  expect(lines).toEqual(['npm run test', 'node dist/main.js --check', 'node dist/main.js']);
});

test.each(['node dist/main.js --check', 'node dist/main.js'])(
  'verifying fails with the output of the server if `%s` fails',
  async (failing) => {
    const { run } = recordedRun((line) => (line === failing ? failed('HOST=x must be an address') : ''));
    await expect(verify.run({ ...npm, run })).rejects.toMatchObject({
      code: 'verify_failed',
      message: expect.stringContaining('the server does not start with its own settings'),
      output: 'HOST=x must be an address',
    });
  },
);

test.each([
  [install, 'install_failed', 4],
  [build, 'build_failed', 5],
  [verify, 'verify_failed', 5],
] as const)(
  'a failed step is an error with the output of its program: %o',
  async (step, code, exitStatus) => {
    const { run } = recordedRun(() => failed('all of it'));
    await expect(step.run({ ...npm, run })).rejects.toMatchObject({ code, exitStatus, output: 'all of it' });
  },
);

const all = { install: true, verify: true, git: true };

test.each<[Pick<StepContext, 'wanted' | 'packageKept'>, Record<string, string | undefined>]>([
  [{ wanted: all, packageKept: false }, {}],
  [
    { wanted: { ...all, install: false }, packageKept: false },
    { install: '--no-install', build: 'nothing is installed', verify: 'nothing is installed' },
  ],
  [
    { wanted: { ...all, verify: false, git: false }, packageKept: false },
    { build: '--no-verify', verify: '--no-verify', git: '--no-git' },
  ],
  [
    { wanted: all, packageKept: true },
    {
      install: 'your package.json was kept',
      build: 'nothing is installed',
      verify: 'nothing is installed',
    },
  ],
])('with %j the steps are skipped for these reasons: %j', (context, reasons) => {
  const skipped = steps.map(({ name, skip }) => [name, skip(context)] as const);
  expect(Object.fromEntries(skipped.filter(([, reason]) => reason !== undefined))).toEqual(reasons);
});

test('a package manager that is missing or broken is refused by its flag', async () => {
  const required = (run: StepContext['run']) => requirePackageManager({ packageManager: 'bun', run }, '/x');
  await expect(required(recordedRun(notFound).run)).rejects.toMatchObject({
    flag: '--package-manager',
    message: expect.stringContaining('--package-manager bun is not installed on this machine; install it'),
  });
  await expect(required(recordedRun(() => failed('')).run)).rejects.toMatchObject({
    flag: '--package-manager',
    message: expect.stringContaining('--package-manager bun does not work here (it failed'),
  });
});
