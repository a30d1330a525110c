import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { RenderedFiles } from '../../src/project/render.ts';
import { makeStaging } from '../../src/project/staging.ts';
import { planTarget } from '../../src/project/target.ts';
import { type Transaction, writeProject } from '../../src/project/write.ts';
import { readTree, writeTree } from '../fixtures/files.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';

const files: RenderedFiles = new Map([
  ['.env', { content: Buffer.from('SECRET=1'), mode: 0o600 }],
  ['README.md', { content: Buffer.from('new') }],
  ['src/main.ts', { content: Buffer.from('main') }],
]);

async function write(target: string, existing: 'abort' | 'merge' | 'overwrite' = 'abort', rendered = files) {
  return writeProject(await planTarget(target, rendered.keys(), existing), rendered);
}

test('a new directory gets all files, and nothing is left next to it', async () => {
  const parent = temporaryDirectory();
  await (await write(join(parent, 'server'))).commit();
  expect(readTree(parent)).toEqual({
    server: '755 folder',
    'server/.env': '600 SECRET=1',
    'server/README.md': '644 new',
    'server/src': '755 folder',
    'server/src/main.ts': '644 main',
  });
});

test('a new directory is created with its parents, and rolled back with them', async () => {
  const parent = temporaryDirectory();
  const transaction = await write(join(parent, 'a/b/server'));
  expect(readTree(parent)).toHaveProperty(['a/b/server/README.md']);
  await transaction.rollback();
  expect(readdirSync(parent)).toEqual([]);
});

/** What the steps leave in a directory, as far as a rollback has to know. */
async function work(transaction: Transaction, root: string, files: Record<string, string>) {
  const names = [...new Set(Object.keys(files).map((path) => path.replace(/\/.*/, '')))];
  await transaction.track(names, async () => writeTree(root, files));
}

test('a new directory is rolled back with everything that the steps made in it', async () => {
  const parent = temporaryDirectory();
  const transaction = await write(join(parent, 'server'));
  await work(transaction, join(parent, 'server'), { 'node_modules/a/index.js': '', 'package-lock.json': '' });
  expect(await transaction.rollback()).toEqual([]);
  expect(readdirSync(parent)).toEqual([]);
});

test('a step that fails is undone like one that ends well', async () => {
  const parent = temporaryDirectory();
  const transaction = await write(join(parent, 'server'));
  const failing = transaction.track(['dist'], async () => {
    writeTree(parent, { 'server/dist/half.js': '' });
    throw new Error('failed');
  });
  await expect(failing).rejects.toThrow('failed');
  await transaction.rollback();
  expect(readdirSync(parent)).toEqual([]);
});

test('files and changes of others stay in a new directory that is rolled back, and the changed ones are named', async () => {
  const parent = temporaryDirectory();
  const server = join(parent, 'server');
  const transaction = await write(server);
  await work(transaction, server, { 'node_modules/a/index.js': '', 'dist/main.js': '' });
  writeTree(server, {
    'notes.txt': 'mine',
    'src/mine.ts': 'mine',
    'dist/mine.js': 'mine',
    'README.md': 'edited',
  });
  expect(await transaction.rollback()).toEqual(['README.md']);
  const files = Object.entries(readTree(parent)).filter(([, text]) => !text.endsWith('folder'));
  expect(Object.fromEntries(files)).toEqual({
    'server/README.md': '644 edited',
    'server/dist/mine.js': '644 mine',
    'server/notes.txt': '644 mine',
    'server/src/mine.ts': '644 mine',
  });
});

describe('a directory with files', () => {
  const mine = { 'README.md': 'mine', 'notes.txt': 'mine', 'src/old.ts': 'mine', '.git/HEAD': 'mine' };

  function occupied(): string {
    const directory = join(temporaryDirectory(), 'occupied');
    writeTree(directory, mine);
    return directory;
  }

  test('a directory keeps its files with merge', async () => {
    const directory = occupied();
    await (await write(directory, 'merge')).commit();
    expect(readTree(directory)).toMatchObject({
      '.git/HEAD': '644 mine',
      '.env': '600 SECRET=1',
      'README.md': '644 mine',
      'notes.txt': '644 mine',
      'src/main.ts': '644 main',
      'src/old.ts': '644 mine',
    });
  });

  test('a directory loses only the files of the template with overwrite', async () => {
    const directory = occupied();
    await (await write(directory, 'overwrite')).commit();
    expect(readTree(directory)).toMatchObject({
      'README.md': '644 new',
      'notes.txt': '644 mine',
      'src/old.ts': '644 mine',
    });
    expect(readdirSync(join(directory, '..'))).toEqual(['occupied']);
  });

  test.each(['merge', 'overwrite'] as const)(
    'a directory is as before when %s is rolled back',
    async (existing) => {
      const directory = occupied();
      const before = readTree(join(directory, '..'));
      const transaction = await write(directory, existing);
      await work(transaction, directory, { 'node_modules/a/index.js': '', 'package-lock.json': '' });
      await transaction.rollback();
      expect(readTree(join(directory, '..'))).toEqual(before);
    },
  );

  test('what the steps changed in folders that were there before is restored by a rollback', async () => {
    const directory = occupied();
    const before = {
      'package-lock.json': 'mine',
      'dist/main.js': 'mine',
      'dist/other.js': 'mine',
      'node_modules/b/b.js': 'mine',
    };
    writeTree(directory, before);
    const all = readTree(join(directory, '..'));
    const transaction = await write(directory, 'overwrite');
    await transaction.track(['node_modules', 'package-lock.json'], async () => {
      rmSync(join(directory, 'node_modules'), { recursive: true });
      writeTree(directory, { 'package-lock.json': 'changed', 'node_modules/a/a.js': '' });
      symlinkSync('nowhere', join(directory, 'node_modules/b')); // as pnpm does, where a folder was
    });
    await work(transaction, directory, { 'dist/main.js': 'changed', 'dist/new/x.js': '' });
    await transaction.rollback();
    expect(readTree(join(directory, '..'))).toEqual(all);
  });

  test('what others add or change in such folders after the step stays', async () => {
    const directory = occupied();
    writeTree(directory, { 'dist/main.js': 'mine', 'dist/other.js': 'mine' });
    const transaction = await write(directory, 'overwrite');
    await work(transaction, directory, { 'dist/main.js': 'changed' });
    writeTree(directory, { 'dist/other.js': 'edited', 'dist/added.js': 'mine' });
    await transaction.rollback();
    expect(readTree(directory)).toMatchObject({
      'dist/main.js': '644 mine',
      'dist/other.js': '644 edited',
      'dist/added.js': '644 mine',
    });
  });

  test('a replaced file that was changed meanwhile stays, with the original next to it', async () => {
    const directory = occupied();
    const transaction = await write(directory, 'overwrite');
    writeTree(directory, { 'README.md': 'edited' });
    expect(await transaction.rollback()).toEqual(['README.md']);
    expect(readTree(directory)).toMatchObject({ 'README.md': '644 edited', 'README.md.orig': '644 mine' });
  });

  test('a file whose name differs only in case is replaced', async () => {
    const directory = temporaryDirectory();
    writeTree(directory, { 'readme.md': 'mine' });
    const transaction = await write(directory, 'overwrite');
    expect(readTree(directory)).toMatchObject({ 'README.md': '644 new' });
    expect(readdirSync(directory)).not.toContain('readme.md');
    await transaction.rollback();
    expect(readTree(directory)).toEqual({ 'readme.md': '644 mine' });
  });

  test('a link is replaced, not the file that it points to', async () => {
    const directory = temporaryDirectory();
    writeTree(directory, { 'occupied/notes.txt': 'mine', 'outside.txt': 'outside' });
    symlinkSync('../outside.txt', join(directory, 'occupied/README.md'));
    await (await write(join(directory, 'occupied'), 'overwrite')).commit();
    expect(readTree(directory)).toMatchObject({
      'outside.txt': '644 outside',
      'occupied/README.md': '644 new',
    });
  });

  test.each<[string, (path: string) => void]>([
    ['folder', (path) => mkdirSync(path)],
    ['file', (path) => writeFileSync(path, 'mine')],
  ])('a directory is as before if a %s appears in the way after it was planned', async (_kind, create) => {
    const directory = occupied();
    const plan = await planTarget(directory, files.keys(), 'overwrite');
    create(join(directory, '.env'));
    const before = readTree(join(directory, '..'));
    await expect(writeProject(plan, files)).rejects.toMatchObject({ code: 'target_not_writable' });
    expect(readTree(join(directory, '..'))).toEqual(before);
  });
});

test.each([
  ['a new directory', false],
  ['an empty directory', true],
])('of two runs at once into %s, one wins and the other is refused', async (_what, exists) => {
  const directory = join(temporaryDirectory(), 'server');
  if (exists) mkdirSync(directory);
  const [first, second] = [
    await planTarget(directory, files.keys(), 'abort'),
    await planTarget(directory, files.keys(), 'abort'),
  ];
  const winner = await writeProject(first, files);
  const before = readTree(directory);
  await expect(writeProject(second, files)).rejects.toMatchObject({
    exitStatus: 3,
    message: expect.stringContaining('another run is writing to the same directory'),
  });
  await winner.commit();
  await expect(writeProject(second, files)).rejects.toMatchObject({
    exitStatus: 3,
    message: expect.stringContaining('in the meantime'),
  });
  expect(readTree(directory)).toEqual(before);
});

test('what a killed run has left is removed, unless it is what the run had replaced', async () => {
  const directory = join(temporaryDirectory(), 'server');
  const { pid } = spawnSync(process.execPath, ['--version']);
  const staging = await leftBy(pid);
  await (await write(directory)).commit();
  expect(readdirSync(join(directory, '..'))).toEqual(['server']);

  await leftBy(pid);
  writeTree(staging, { 'old/README.md': 'mine' });
  await expect(write(directory, 'overwrite')).rejects.toThrow(
    `a killed run left the files that it replaced in ${staging}`,
  );

  /** The staging folder as that process would have left it. */
  async function leftBy(process: number) {
    const staging = await makeStaging({ directory, exists: false, entries: [], files: [] });
    writeTree(staging, { process: String(process) });
    return staging;
  }
});

test('a write that is cancelled leaves nothing', async () => {
  const parent = temporaryDirectory();
  const plan = await planTarget(join(parent, 'a/server'), files.keys(), 'abort');
  await expect(writeProject(plan, files, AbortSignal.abort())).rejects.toThrow();
  expect(readdirSync(parent)).toEqual([]);
});

/** A small file system of its own. Only root may mount one. */
function mountSmall(options: string): string | undefined {
  const directory = temporaryDirectory();
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', directory], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  onTestFinished(() => {
    execFileSync('umount', [directory]);
  });
  return directory;
}

test.for([
  ['a new directory', 'server', 'abort'],
  ['one with files', '.', 'overwrite'],
] as const)('a full disk leaves %s as it was', async ([, target, existing], { skip }) => {
  const disk = mountSmall('size=64k') ?? skip('no file system can be mounted here (needs root)');
  writeTree(disk, { 'README.md': 'mine' });
  const before = readTree(disk);
  const large: RenderedFiles = new Map([
    ['README.md', { content: Buffer.from('new') }],
    ['large', { content: Buffer.alloc(256 * 1024) }],
  ]);
  await expect(write(join(disk, target), existing, large)).rejects.toMatchObject({
    code: 'target_not_writable',
    message: expect.stringContaining('the disk is full'),
  });
  expect(readTree(disk)).toEqual(before);
});

test('a read-only file system is named as the reason', async ({ skip }) => {
  const disk = mountSmall('size=64k,ro') ?? skip('no file system can be mounted here (needs root)');
  await expect(write(join(disk, 'a/server'))).rejects.toMatchObject({
    message: expect.stringContaining('the file system is read-only'),
  });
});

test('a target on a file system of its own is staged inside it', async ({ skip }) => {
  const disk = mountSmall('size=64k') ?? skip('no file system can be mounted here (needs root)');
  writeFileSync(join(disk, 'README.md'), 'mine');
  await (await write(disk, 'overwrite')).commit();
  expect(readTree(disk)).toMatchObject({ 'README.md': '644 new', 'src/main.ts': '644 main' });
  expect(readdirSync(disk).filter((name) => name.startsWith('.create'))).toEqual([]);
});

test('without permission to write, that is the reason and nothing is written', async ({ skip }) => {
  if (process.getuid?.() === 0) skip('root may write everywhere; test/e2e tries it as another user');
  const parent = temporaryDirectory();
  chmodSync(parent, 0o555);
  await expect(write(join(parent, 'server'))).rejects.toMatchObject({
    message: expect.stringContaining('no permission'),
  });
});
