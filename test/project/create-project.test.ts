import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createProject, type StepReport } from '../../src/index.ts';
import { proof } from '../../src/project/steps.ts';
import { readTree, writeTree } from '../fixtures/files.ts';
import { failed, notFound, recordedRun, reporting } from '../fixtures/recorded-run.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';

const proved = reporting(proof.map(({ test }) => `ok 1 - ${test}`));
const quick = { directory: 'server', git: false, packageManager: 'npm' } as const;

test('the steps run in order, and each is reported when it starts and when it has ended', async () => {
  const { run, lines } = recordedRun(proved);
  const reports: string[] = [];
  const onStep = ({ name, status }: StepReport) => reports.push(`${name} ${status}`);
  const project = await createProject({ ...quick, git: true }, { cwd: temporaryDirectory(), run, onStep });

  expect(reports).toEqual(
    ['render', 'install', 'build', 'verify', 'git'].flatMap((name) => [`${name} running`, `${name} done`]),
  );
  expect(lines.slice(0, 4).map((line) => line.replace(/ --no-.*/, ''))).toEqual([
    'npm --version',
    'npm install',
    'npm run build',
    'npm run test',
  ]);
  expect(project.steps.find(({ name }) => name === 'verify')?.passed).toHaveLength(2);
  expect(project.nextSteps.header?.value).toBe(
    /^API_KEY=default:([^:]*):read$/m.exec(readFileSync(join(project.directory, '.env'), 'utf8'))?.[1],
  );
});

test('a skipped step is reported with the reason', async () => {
  const { run, lines } = recordedRun();
  const { steps } = await createProject({ ...quick, install: false }, { cwd: temporaryDirectory(), run });
  expect(lines).toEqual([]);
  expect(steps.map(({ name, status, note }) => [name, status, note]).slice(1)).toEqual([
    ['install', 'skipped', '--no-install'],
    ['build', 'skipped', 'nothing is installed'],
    ['verify', 'skipped', 'nothing is installed'],
    ['git', 'skipped', '--no-git'],
  ]);
});

test('a merge keeps the user’s package.json, and then nothing is installed', async () => {
  const cwd = temporaryDirectory();
  writeTree(cwd, { 'server/package.json': '{"name":"mine"}' });
  const { run, lines } = recordedRun();
  const { steps } = await createProject({ ...quick, existing: 'merge' }, { cwd, run });
  expect(readFileSync(join(cwd, 'server/package.json'), 'utf8')).toBe('{"name":"mine"}');
  expect(lines).toEqual(['npm --version']);
  expect(steps.find(({ name }) => name === 'install')?.note).toBe('your package.json was kept');
});

test.each([
  ['npm install', 'install_failed', ['cd server', 'npm install', 'npm run build', 'npm test']],
  ['npm run build', 'build_failed', ['cd server', 'npm run build', 'npm test']],
  ['npm run test', 'verify_failed', ['cd server', 'npm run build', 'npm test']],
  ['node dist/main.js', 'verify_failed', ['cd server', 'npm run build', 'npm test']],
])('if `%s` fails, the project stays and the error says how to finish it', async (failing, code, resume) => {
  const cwd = temporaryDirectory();
  const { run } = recordedRun((line, env) => (line.startsWith(failing) ? failed('why') : proved(line, env)));
  await expect(createProject(quick, { cwd, run })).rejects.toMatchObject({
    code,
    directory: join(cwd, 'server'),
    resume,
    output: 'why',
  });
  expect(readdirSync(cwd)).toEqual(['server']);
  expect(readdirSync(join(cwd, 'server'))).toContain('package.json');
});

test.each([
  ['outside a repository', {}, true],
  ['inside a repository', { '.git/HEAD': '' }, false],
])(
  'after a failure %s, the commands to finish create one only if there is none',
  async (_where, files, created) => {
    const cwd = temporaryDirectory();
    writeTree(cwd, files);
    const { run } = recordedRun((line) => (line.startsWith('npm run test') ? failed('why') : ''));
    const error = await createProject({ ...quick, git: true }, { cwd, run }).catch((error) => error);
    expect(error.resume.includes('git add --all')).toBe(created);
  },
);

test('without the package manager nothing is written', async () => {
  const cwd = temporaryDirectory();
  const { run } = recordedRun(notFound);
  await expect(createProject(quick, { cwd, run })).rejects.toMatchObject({ flag: '--package-manager' });
  expect(readdirSync(cwd)).toEqual([]);
});

describe.each(['render', 'install', 'build', 'verify', 'git'] as const)('cancelling during %s', (during) => {
  test.each([
    ['a new directory', {}, 'abort'],
    ['a directory with files', { 'server/README.md': 'mine', 'server/src/x.ts': 'mine' }, 'overwrite'],
  ] as const)('cancelling leaves %s as it was', async (_what, files, existing) => {
    const cwd = temporaryDirectory();
    writeTree(cwd, files);
    const before = readTree(cwd);
    const cancel = new AbortController();
    // What a real install would leave, so that there is something to roll back.
    const { run } = recordedRun((line, env) => {
      if (line.startsWith('npm install'))
        writeTree(cwd, { 'server/node_modules/a.js': '', 'server/package-lock.json': '' });
      return proved(line, env);
    });
    const onStep = ({ name, status }: StepReport) => {
      if (name === during && status === 'done') cancel.abort();
    };
    const options = { cwd, run, onStep, signal: cancel.signal };
    await expect(createProject({ ...quick, git: true, existing }, options)).rejects.toMatchObject({
      code: 'cancelled',
      exitStatus: 130,
    });
    expect(readTree(cwd)).toEqual(before);
  });
});

test('an invalid answer is refused by its flag', async () => {
  await expect(createProject({ port: 0 })).rejects.toMatchObject({ code: 'bad_input', flag: '--port' });
});
