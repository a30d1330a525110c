import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createProject } from '../../src/project/create-project.ts';
import { writeTree } from '../fixtures/files.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';

/** Makes a project in a directory with these files. */
async function makeOver(files: Record<string, string>, existing: 'merge' | 'overwrite') {
  const cwd = temporaryDirectory();
  writeTree(cwd, files);
  const { nextSteps } = await createProject(
    { directory: 'x', install: false, git: false, existing },
    { cwd },
  );
  return { nextSteps, read: (path: string) => readFileSync(join(cwd, 'x', path), 'utf8') };
}

test('the next steps list what a kept package.json lacks', async () => {
  const mine = {
    scripts: { test: 'jest', start: 'node --max-semi-space-size=4 --enable-source-maps dist/main.js' },
    dependencies: { left: '1.0.0' },
  };
  const { nextSteps } = await makeOver({ 'x/package.json': JSON.stringify(mine) }, 'merge');
  expect(nextSteps.packageJson).toMatchObject({
    type: 'module',
    scripts: { build: expect.any(String), test: expect.any(String) },
    dependencies: { '@modelcontextprotocol/server': expect.any(String), zod: expect.any(String) },
    devDependencies: { typescript: expect.any(String) },
  });
  expect(nextSteps.packageJson?.scripts).not.toHaveProperty('start');
});

test.each(['', '[]', 'null', '{'])('a kept package.json may have any content: %j', async (mine) => {
  const { nextSteps } = await makeOver({ 'x/package.json': mine }, 'merge');
  expect(nextSteps.packageJson).toMatchObject({ type: 'module' });
});

test('a kept package.json that lacks nothing is not mentioned', async () => {
  const { read } = await makeOver({}, 'merge');
  const { nextSteps } = await makeOver({ 'x/package.json': read('package.json') }, 'merge');
  expect(nextSteps).not.toHaveProperty('packageJson');
  expect(nextSteps.notes).toEqual([]);
});

test('the next steps tell that a kept record has other answers', async () => {
  const { read } = await makeOver({}, 'merge');
  const other = read('create-mcp-sse.json').replace('8080', '9000');
  const { nextSteps } = await makeOver({ 'x/create-mcp-sse.json': other }, 'merge');
  expect(nextSteps.notes).toEqual([
    expect.stringContaining(
      'Your create-mcp-sse.json was kept, but it has other answers: port 9000 instead of 8080.',
    ),
  ]);
});

test('the next steps list the lines that a kept .gitignore and .dockerignore lack', async () => {
  const { nextSteps } = await makeOver(
    { 'x/.gitignore': '# mine\r\n/node_modules\r\n.env\r\n', 'x/.dockerignore': '' },
    'merge',
  );
  expect(nextSteps.notes).toEqual([
    'Your .gitignore was kept. Add to it, or git tracks those files: dist/, dist-test/, .yarn/cache/, .yarn/install-state.gz, *.log, .DS_Store',
    expect.stringMatching(
      /^Your \.dockerignore was kept\. Add to it, or the image contains those files: \.env\*, \.git, /,
    ),
  ]);

  const { read } = await makeOver({}, 'merge');
  const more = `${read('.gitignore')}coverage/\n`;
  expect((await makeOver({ 'x/.gitignore': more }, 'merge')).nextSteps.notes).toEqual([]);
});

test.each(['merge', 'overwrite'] as const)(
  'with --existing %s .env keeps its secret, and the next steps say what it lacks',
  async (existing) => {
    const first = await makeOver({ 'x/.env': 'API_KEY=mine\n' }, existing);
    expect(first.read('.env')).toBe('API_KEY=mine\n');
    expect(first.nextSteps.notes).toEqual([
      'Your .env was kept, because its secrets are stored nowhere else.',
    ]);
    expect(first.nextSteps.header?.value).toBe('mine');

    const second = await makeOver({ 'x/.env': 'JWT_SECRET=mine\n' }, existing);
    expect(second.nextSteps.notes).toEqual([expect.stringContaining('Add API_KEY to it')]);
  },
);
