import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { RenderedFiles } from '../../src/project/render.ts';
import { planTarget } from '../../src/project/target.ts';
import { writeProject } from '../../src/project/write.ts';
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

test('a new directory is rolled back with everything created in it later', async () => {
  const parent = temporaryDirectory();
  const transaction = await write(join(parent, 'server'));
  writeTree(parent, { 'server/node_modules/a/index.js': '' });
  await transaction.rollback();
  expect(readdirSync(parent)).toEqual([]);
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
      writeTree(directory, { 'node_modules/a/index.js': '', 'package-lock.json': '' });
      await transaction.rollback();
      expect(readTree(join(directory, '..'))).toEqual(before);
    },
  );

  test('a lock file that the install changed is restored by a rollback', async () => {
    const directory = occupied();
    writeTree(directory, { 'package-lock.json': 'mine' });
    const before = readTree(join(directory, '..'));
    const transaction = await write(directory, 'overwrite');
    writeTree(directory, { 'package-lock.json': 'changed' });
    await transaction.rollback();
    expect(readTree(join(directory, '..'))).toEqual(before);
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
