import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { RenderedFiles } from '../src/render.js';
import { planTarget } from '../src/target.js';
import { writeProject } from '../src/write.js';
import { readTree, writeTree } from './fixtures/files.js';
import { temporaryDirectory } from './fixtures/temporary.js';

const files: RenderedFiles = new Map([
  ['.env', { content: Buffer.from('SECRET=1'), mode: 0o600 }],
  ['README.md', { content: Buffer.from('new') }],
  ['src/main.ts', { content: Buffer.from('main') }],
]);

async function write(target: string, existing: 'abort' | 'merge' | 'overwrite' = 'abort', rendered = files) {
  return writeProject(await planTarget(target, rendered.keys(), existing), rendered);
}

describe('a new directory', () => {
  test('has all files, and nothing is left beside it', async () => {
    const parent = temporaryDirectory();
    await (await write(join(parent, 'server'))).keep();
    expect(readTree(parent)).toEqual({
      server: '755 folder',
      'server/.env': '600 SECRET=1',
      'server/README.md': '644 new',
      'server/src': '755 folder',
      'server/src/main.ts': '644 main',
    });
  });

  test('is made with those above it, and undone with them', async () => {
    const parent = temporaryDirectory();
    const written = await write(join(parent, 'a/b/server'));
    expect(readTree(parent)).toHaveProperty(['a/b/server/README.md']);
    await written.undo();
    expect(readdirSync(parent)).toEqual([]);
  });

  test('is undone with what was made in it later', async () => {
    const parent = temporaryDirectory();
    const written = await write(join(parent, 'server'));
    writeTree(parent, { 'server/node_modules/a/index.js': '' });
    await written.undo();
    expect(readdirSync(parent)).toEqual([]);
  });
});

describe('a directory with files', () => {
  const mine = { 'README.md': 'mine', 'notes.txt': 'mine', 'src/old.ts': 'mine', '.git/HEAD': 'mine' };

  function occupied(): string {
    const directory = join(temporaryDirectory(), 'occupied');
    writeTree(directory, mine);
    return directory;
  }

  test('keeps them with merge', async () => {
    const directory = occupied();
    await (await write(directory, 'merge')).keep();
    expect(readTree(directory)).toMatchObject({
      '.git/HEAD': '644 mine',
      '.env': '600 SECRET=1',
      'README.md': '644 mine',
      'notes.txt': '644 mine',
      'src/main.ts': '644 main',
      'src/old.ts': '644 mine',
    });
  });

  test('loses only those of the template with overwrite', async () => {
    const directory = occupied();
    await (await write(directory, 'overwrite')).keep();
    expect(readTree(directory)).toMatchObject({
      'README.md': '644 new',
      'notes.txt': '644 mine',
      'src/old.ts': '644 mine',
    });
    expect(readdirSync(join(directory, '..'))).toEqual(['occupied']);
  });

  test.each(['merge', 'overwrite'] as const)('is as before when %s is undone', async (existing) => {
    const directory = occupied();
    const before = readTree(join(directory, '..'));
    const written = await write(directory, existing);
    writeTree(directory, { 'node_modules/a/index.js': '', 'package-lock.json': '' });
    await written.undo();
    expect(readTree(join(directory, '..'))).toEqual(before);
  });

  test('has its lock file back when an install that changed it is undone', async () => {
    const directory = occupied();
    writeTree(directory, { 'package-lock.json': 'mine' });
    const before = readTree(join(directory, '..'));
    const written = await write(directory, 'overwrite');
    writeTree(directory, { 'package-lock.json': 'changed' });
    await written.undo();
    expect(readTree(join(directory, '..'))).toEqual(before);
  });

  test('has its file of another case replaced, so that only one is left', async () => {
    const directory = temporaryDirectory();
    writeTree(directory, { 'readme.md': 'mine' });
    const written = await write(directory, 'overwrite');
    expect(readTree(directory)).toMatchObject({ 'README.md': '644 new' });
    expect(readdirSync(directory)).not.toContain('readme.md');
    await written.undo();
    expect(readTree(directory)).toEqual({ 'readme.md': '644 mine' });
  });

  test('has a link replaced, not what it points to', async () => {
    const directory = temporaryDirectory();
    writeTree(directory, { 'occupied/notes.txt': 'mine', 'outside.txt': 'outside' });
    symlinkSync('../outside.txt', join(directory, 'occupied/README.md'));
    await (await write(join(directory, 'occupied'), 'overwrite')).keep();
    expect(readTree(directory)).toMatchObject({
      'outside.txt': '644 outside',
      'occupied/README.md': '644 new',
    });
  });

  test('is as before when a file appears in the way after it was looked at', async () => {
    const directory = occupied();
    const plan = await planTarget(directory, files.keys(), 'overwrite');
    mkdirSync(join(directory, '.env'));
    const before = readTree(join(directory, '..'));
    await expect(writeProject(plan, files)).rejects.toMatchObject({ code: 'target_not_writable' });
    expect(readTree(join(directory, '..'))).toEqual(before);
  });
});

test('a cancelled write leaves nothing', async () => {
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

describe('a disk that is full', () => {
  test.for([
    ['a new directory', 'server', 'abort'],
    ['one with files', '.', 'overwrite'],
  ] as const)('leaves %s as it was', async ([, target, existing], { skip }) => {
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
});

test('a read-only file system is said to be one', async ({ skip }) => {
  const disk = mountSmall('size=64k,ro') ?? skip('no file system can be mounted here (needs root)');
  await expect(write(join(disk, 'a/server'))).rejects.toMatchObject({
    message: expect.stringContaining('the file system is read-only'),
  });
});

test('a target on a file system of its own is staged inside it', async ({ skip }) => {
  const disk = mountSmall('size=64k') ?? skip('no file system can be mounted here (needs root)');
  writeFileSync(join(disk, 'README.md'), 'mine');
  await (await write(disk, 'overwrite')).keep();
  expect(readTree(disk)).toMatchObject({ 'README.md': '644 new', 'src/main.ts': '644 main' });
  expect(readdirSync(disk).filter((name) => name.startsWith('.create'))).toEqual([]);
});

test('without permission nothing is written', async ({ skip }) => {
  if (process.getuid?.() === 0) skip('root may write everywhere; test/e2e does it as another user');
  const parent = temporaryDirectory();
  chmodSync(parent, 0o555);
  await expect(write(join(parent, 'server'))).rejects.toMatchObject({
    message: expect.stringContaining('no permission'),
  });
});
