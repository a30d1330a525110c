import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createProject } from '../src/create-project.js';
import { nextStepsText } from '../src/report.js';
import { writeTree } from './fixtures/files.js';
import { temporaryDirectory } from './fixtures/temporary.js';

/** Makes a project where these files are. */
async function makeOver(files: Record<string, string>, existing: 'merge' | 'overwrite') {
  const cwd = temporaryDirectory();
  writeTree(cwd, files);
  const { nextSteps } = await createProject(
    { directory: 'x', install: false, git: false, existing },
    { cwd },
  );
  return { nextSteps, read: (path: string) => readFileSync(join(cwd, 'x', path), 'utf8') };
}

test('a kept package.json is told what it lacks to run the commands that follow', async () => {
  const mine = { scripts: { test: 'jest', start: 'node dist/main.js' }, dependencies: { left: '1.0.0' } };
  const { nextSteps } = await makeOver({ 'x/package.json': JSON.stringify(mine) }, 'merge');
  expect(nextSteps.packageJson).toMatchObject({
    type: 'module',
    scripts: { build: expect.any(String), test: expect.any(String) },
    dependencies: { '@modelcontextprotocol/server': expect.any(String), zod: expect.any(String) },
    devDependencies: { typescript: expect.any(String) },
  });
  expect(nextSteps.packageJson?.scripts).not.toHaveProperty('start');

  const text = nextStepsText(nextSteps);
  expect(text).toMatch(/Put this into it first:.*"build": "tsc.*npm install.*npm run build.*npm start/s);
});

test.each(['', '[]', 'null', '{'])('a kept package.json may hold anything: %j', async (mine) => {
  const { nextSteps } = await makeOver({ 'x/package.json': mine }, 'merge');
  expect(nextSteps.packageJson).toMatchObject({ type: 'module' });
});

test('a kept package.json that has all is not mentioned', async () => {
  const { read } = await makeOver({}, 'merge');
  const { nextSteps } = await makeOver({ 'x/package.json': read('package.json') }, 'merge');
  expect(nextSteps).not.toHaveProperty('packageJson');
  expect(nextSteps.notes).toEqual([]);
});

test('a kept record with other answers is pointed out', async () => {
  const { read } = await makeOver({}, 'merge');
  const other = read('create-mcp-sse.json').replace('8080', '9000');
  const { nextSteps } = await makeOver({ 'x/create-mcp-sse.json': other }, 'merge');
  expect(nextSteps.notes).toEqual([
    expect.stringContaining(
      'Your create-mcp-sse.json was kept, and has other answers: port 9000 instead of 8080.',
    ),
  ]);
});

test('a kept .gitignore and .dockerignore are told the lines that they lack', async () => {
  const { nextSteps } = await makeOver(
    { 'x/.gitignore': '# mine\r\n/node_modules\r\n.env\r\n', 'x/.dockerignore': '' },
    'merge',
  );
  expect(nextSteps.notes).toEqual([
    'Your .gitignore was kept, and lacks the lines dist/, dist-test/, .yarn/install-state.gz, *.log: git would take in what they name.',
    expect.stringMatching(
      /^Your \.dockerignore was kept, and lacks the lines \.env\*, \.git, .*: the image would have/,
    ),
  ]);

  const { read } = await makeOver({}, 'merge');
  const more = `${read('.gitignore')}coverage/\n`;
  expect((await makeOver({ 'x/.gitignore': more }, 'merge')).nextSteps.notes).toEqual([]);
});

test.each(['merge', 'overwrite'] as const)(
  'with %s .env keeps its secret, and what it lacks is said',
  async (existing) => {
    const first = await makeOver({ 'x/.env': 'API_KEY=mine\n' }, existing);
    expect(first.read('.env')).toBe('API_KEY=mine\n');
    expect(first.nextSteps.notes).toEqual(['Your .env was kept, since its secrets are nowhere else.']);
    expect(first.nextSteps.header?.value).toBe('mine');

    const second = await makeOver({ 'x/.env': 'JWT_SECRET=mine\n' }, existing);
    expect(second.nextSteps.notes).toEqual([expect.stringContaining('lacks API_KEY')]);
  },
);
