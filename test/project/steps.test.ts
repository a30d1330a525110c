import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { templatesFolder } from '../../src/index.ts';
import { install } from '../../src/project/install.ts';
import type { StepContext } from '../../src/project/step-runner.ts';
import { build, proof, requirePackageManager, steps, verify } from '../../src/project/steps.ts';
import { writeTree } from '../fixtures/files.ts';
import { failed, notFound, recordedRun, reporting } from '../fixtures/recorded-run.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';

const npm = { directory: '/x', packageManager: 'npm' } as const;

const proved = reporting(proof.map(({ test }) => `ok 1 - ${test}`));

test.each([
  ['npm', 'npm install --no-workspaces', 'npm run build --no-workspaces'],
  ['pnpm', 'pnpm install --no-frozen-lockfile', 'pnpm run build'],
  ['yarn', 'yarn install', 'yarn run build'],
  ['bun', 'bun install', 'bun run build'],
] as const)('%s installs, builds and tests a project', async (packageManager, installing, building) => {
  const { run, lines } = recordedRun(proved);
  const directory = temporaryDirectory();
  writeTree(directory, { 'package.json': '{}' });
  const context = { directory, packageManager, run };
  await install.run(context);
  await build.run(context);
  await verify.run(context);
  expect(lines[0]).toContain(installing);
  expect(lines[1]).toBe(building);
  expect(lines[2]).toBe(building.replace('build', 'test'));
});

test.each([
  ['yarn', '.yarnrc'],
  ['bun', 'bunfig.toml'],
] as const)(
  'an install by %s that leaves out the devDependencies says which file to change',
  async (name, file) => {
    const directory = temporaryDirectory();
    writeTree(directory, {
      'package.json': '{ "dependencies": { "zod": "1.0.0" }, "devDependencies": { "typescript": "1.0.0" } }',
      'node_modules/zod/package.json': '{}',
    });
    const { run } = recordedRun(() => 'printed');
    await expect(install.run({ directory, packageManager: name, run })).rejects.toMatchObject({
      code: 'install_failed',
      message: expect.stringContaining(`remove the setting "production" from your ${file}`),
      output: 'printed',
    });
    // In a workspace they may be further up.
    const member = join(directory, 'packages/x');
    writeTree(directory, {
      'packages/x/package.json': '{ "dependencies": { "zod": "1.0.0" } }',
    });
    await expect(install.run({ directory: member, packageManager: name, run })).resolves.toBeDefined();
  },
);

test('verifying also starts the server with its own settings, once its tests have passed', async () => {
  const { run, lines } = recordedRun(proved);
  expect(await verify.run({ ...npm, run })).toEqual({
    passed: proof.map(({ test }) => test),
    note: '2 tests',
  });
  expect(lines.slice(1)).toEqual(['node dist/main.js --check', 'node dist/main.js']);
});

test('the tests that make the proof are among those of the templates', () => {
  const source = readFileSync(join(templatesFolder, 'shared/test/server.test.ts'), 'utf8');
  for (const { test } of proof) expect(source).toContain(`test('${test}'`);
});

test.each([
  ['nothing', [], 'no test ran'],
  ['only skipped tests', ['ok 1 - a tool call is answered # SKIP'], 'no test ran'],
  ['a failed test', ['ok 1 - a', 'not ok 2 - b', 'not ok 3 - c'], 'these tests failed: b, c'],
])('verifying fails if the tests report %s, although they exit with 0', async (_what, report, why) => {
  const { run } = recordedRun(reporting(report, 'printed'));
  await expect(verify.run({ ...npm, run })).rejects.toMatchObject({
    code: 'verify_failed',
    message: `the server is not proved: ${why}`,
    output: 'printed',
  });
});

test.each([
  [
    ['ok 1 - refuses', 'ok 2 - a client connects and finds the tools # SKIP no key yet'],
    'no client connected',
    ' (no key yet)',
  ],
  [['ok 1 - a client connects and finds the tools'], 'no client called a tool', ''],
  [['ok 1 - something else'], 'no client connected', ''],
])('a server is not called proved if its tests report only %j', async (report, note, reason) => {
  const { run } = recordedRun(reporting(report));
  expect(await verify.run({ ...npm, run })).toMatchObject({
    status: 'skipped',
    passed: [report[0]?.slice(7)],
    note,
    remark: `The server is not proved: ${note}${reason}. Once that is settled, run npm test`,
  });
});

test.each(['node dist/main.js --check', 'node dist/main.js'])(
  'verifying fails with the output of the server if `%s` fails',
  async (failing) => {
    const { run } = recordedRun((line, env) =>
      line === failing ? failed('HOST=x must be an address') : proved(line, env),
    );
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
  const skipped = steps.map(({ name, skip }) => [name, skip({ ...context, directory: '/' })] as const);
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
