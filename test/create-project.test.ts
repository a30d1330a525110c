import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createProject, type StepReport } from '../src/index.js';
import { readTree, writeTree } from './fixtures/files.js';
import { failed, notFound, recordedRun } from './fixtures/recorded-run.js';
import { temporaryDirectory } from './fixtures/temporary.js';

const quick = { directory: 'server', git: false, packageManager: 'npm' } as const;

test('the steps run in order, each told when it starts and when it has ended', async () => {
  const { run, lines } = recordedRun((line) => (line.endsWith('test') ? 'ok 1 - it answers\n' : ''));
  const told: string[] = [];
  const onStep = ({ name, status }: StepReport) => told.push(`${name} ${status}`);
  const project = await createProject({ ...quick, git: true }, { cwd: temporaryDirectory(), run, onStep });

  expect(told).toEqual(
    ['render', 'install', 'build', 'verify', 'git'].flatMap((name) => [`${name} running`, `${name} done`]),
  );
  expect(lines.slice(0, 4)).toEqual(['npm --version', 'npm install', 'npm run build', 'npm run test']);
  expect(project.steps.find(({ name }) => name === 'verify')?.passed).toEqual(['it answers']);
  expect(project.nextSteps.header?.value).toBe(
    /^API_KEY=default:(.*)$/m.exec(readFileSync(join(project.directory, '.env'), 'utf8'))?.[1],
  );
});

test('what is not wanted is skipped, and says why', async () => {
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

test('a dry run plans everything and does nothing', async () => {
  const cwd = temporaryDirectory();
  writeTree(cwd, { 'server/package.json': 'mine' });
  const before = readTree(cwd);
  const { run, lines } = recordedRun();
  const { files } = await createProject({ ...quick, existing: 'overwrite' }, { cwd, run, dryRun: true });
  expect(files.find(({ path }) => path === 'package.json')?.action).toBe('overwrite');
  expect(files.find(({ path }) => path === '.env')?.action).toBe('create');
  expect(lines).toEqual([]);
  expect(readTree(cwd)).toEqual(before);
});

test('the user’s package.json survives a merge, and then nothing is installed', async () => {
  const cwd = temporaryDirectory();
  writeTree(cwd, { 'server/package.json': '{"name":"mine"}' });
  const { run, lines } = recordedRun();
  const { steps } = await createProject({ ...quick, existing: 'merge' }, { cwd, run });
  expect(readFileSync(join(cwd, 'server/package.json'), 'utf8')).toBe('{"name":"mine"}');
  expect(lines).toEqual(['npm --version']);
  expect(steps.find(({ name }) => name === 'install')?.note).toBe('your package.json was kept');
});

describe('a failure', () => {
  test.each([
    ['npm install', 'install_failed', ['cd server', 'npm install', 'npm run build', 'npm run test']],
    ['npm run build', 'build_failed', ['cd server', 'npm run build', 'npm run test']],
    ['npm run test', 'verify_failed', ['cd server', 'npm run build', 'npm run test']],
  ])('of %s keeps the project and says how to go on', async (failing, code, resume) => {
    const cwd = temporaryDirectory();
    const { run } = recordedRun((line) => (line === failing ? failed('why') : ''));
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
    ['where there is none', {}, true],
    ['not inside another', { '.git/HEAD': '' }, false],
  ])('leaves the repository to be made, %s', async (_where, files, told) => {
    const cwd = temporaryDirectory();
    writeTree(cwd, files);
    const { run } = recordedRun((line) => (line === 'npm run test' ? failed('why') : ''));
    const error = await createProject({ ...quick, git: true }, { cwd, run }).catch((error) => error);
    expect(error.resume.includes('git add --all')).toBe(told);
  });

  test('before writing leaves nothing', async () => {
    const cwd = temporaryDirectory();
    const { run } = recordedRun(notFound);
    await expect(createProject(quick, { cwd, run })).rejects.toMatchObject({ flag: '--package-manager' });
    expect(readdirSync(cwd)).toEqual([]);
  });
});

describe.each(['render', 'install', 'build', 'verify', 'git'] as const)('cancelling during %s', (during) => {
  test.each([
    ['a new directory', {}, 'abort'],
    ['a directory with files', { 'server/README.md': 'mine', 'server/src/x.ts': 'mine' }, 'overwrite'],
  ] as const)('leaves %s as it was', async (_what, files, existing) => {
    const cwd = temporaryDirectory();
    writeTree(cwd, files);
    const before = readTree(cwd);
    const cancel = new AbortController();
    // What the real install would leave, so that there is something to take back.
    const { run } = recordedRun((line) => {
      if (line === 'npm install')
        writeTree(cwd, { 'server/node_modules/a.js': '', 'server/package-lock.json': '' });
      return '';
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

test('bad answers are refused like bad flags', async () => {
  await expect(createProject({ port: 0 })).rejects.toMatchObject({ code: 'bad_input', flag: '--port' });
});
