import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { planTarget } from '../../src/project/target.ts';
import { writeTree } from '../fixtures/files.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';

const paths = ['README.md', 'src/main.ts'];

const actions = async (target: string, existing: 'abort' | 'merge' | 'overwrite') =>
  Object.fromEntries(
    (await planTarget(target, paths, existing)).files.map(({ path, action }) => [path, action]),
  );

test('in a directory that is missing, empty or contains only .git, every file is created', async () => {
  const directory = temporaryDirectory();
  const allNew = { 'README.md': 'create', 'src/main.ts': 'create' };
  expect(await actions(join(directory, 'a/b'), 'abort')).toEqual(allNew);
  expect(await actions(directory, 'abort')).toEqual(allNew);
  mkdirSync(join(directory, '.git'));
  expect(await actions(directory, 'abort')).toEqual(allNew);
});

test('a directory that is not empty is refused with the files in the way and the choices', async () => {
  const directory = temporaryDirectory();
  writeTree(directory, { 'README.md': 'mine', 'notes.txt': 'mine' });
  await expect(planTarget(directory, paths, 'abort')).rejects.toMatchObject({
    code: 'target_not_empty',
    exitStatus: 3,
    flag: '--existing',
    message: expect.stringMatching(
      /is not empty and contains README\.md: .*--existing merge .*--existing overwrite/,
    ),
  });
});

test('existing files are kept with merge, and replaced with overwrite if the template has them', async () => {
  const directory = temporaryDirectory();
  writeTree(directory, { 'README.md': 'mine', 'notes.txt': 'mine' });
  expect(await actions(directory, 'merge')).toEqual({ 'README.md': 'keep', 'src/main.ts': 'create' });
  expect(await actions(directory, 'overwrite')).toEqual({
    'README.md': 'overwrite',
    'src/main.ts': 'create',
  });
});

test('an existing .env is always kept, because its secrets are stored nowhere else', async () => {
  const directory = temporaryDirectory();
  writeTree(directory, { '.env': 'mine' });
  const { files } = await planTarget(directory, ['.env'], 'overwrite');
  expect(files).toEqual([{ path: '.env', action: 'keep', existing: '.env' }]);
});

test('a file whose name differs only in case is the same file, as it is on other systems', async () => {
  const directory = temporaryDirectory();
  writeTree(directory, { 'readme.MD': 'mine' });
  const { files } = await planTarget(directory, paths, 'merge');
  expect(files[0]).toEqual({ path: 'README.md', action: 'keep', existing: 'readme.MD' });
});

const refusals: [string, (directory: string) => void, string][] = [
  [
    'a file in the place of a folder',
    (dir) => writeFileSync(join(dir, 'src'), ''),
    'a directory is needed in its place',
  ],
  ['a folder in the place of a file', (dir) => mkdirSync(join(dir, 'README.md')), 'it is a directory'],
  [
    'a folder whose name differs in case',
    (dir) => mkdirSync(join(dir, 'SRC')),
    'differs from src only in case',
  ],
  [
    'a link that leaves the directory',
    (dir) => symlinkSync('/tmp', join(dir, 'src')),
    'a link that leaves the directory',
  ],
  [
    'a link to the parent directory',
    (dir) => symlinkSync('..', join(dir, 'src')),
    'a link that leaves the directory',
  ],
  ['a link to nothing', (dir) => symlinkSync('nowhere', join(dir, 'src')), 'a link points to nothing'],
  ['a link to itself', (dir) => symlinkSync('src', join(dir, 'src')), 'links form a loop'],
];

test.each(refusals)('a directory with %s is refused', async (_what, prepare, why) => {
  const directory = temporaryDirectory();
  prepare(directory);
  await expect(planTarget(directory, paths, 'overwrite')).rejects.toMatchObject({
    code: 'target_not_writable',
    message: expect.stringContaining(why),
  });
});

test('a target that is a file, or is below one, is refused', async () => {
  const directory = temporaryDirectory();
  writeTree(directory, { file: '' });
  const refused = { code: 'target_not_writable', message: expect.stringContaining('a file is in the place') };
  await expect(planTarget(join(directory, 'file'), paths, 'abort')).rejects.toMatchObject(refused);
  await expect(planTarget(join(directory, 'file/below'), paths, 'abort')).rejects.toMatchObject(refused);
});

test('a target whose name is too long is refused', async () => {
  await expect(planTarget(join(temporaryDirectory(), 'a'.repeat(300)), paths, 'abort')).rejects.toMatchObject(
    {
      code: 'target_not_writable',
      message: expect.stringContaining('the path is too long'),
    },
  );
});

test('a link that stays inside the directory is followed', async () => {
  const directory = temporaryDirectory();
  writeTree(directory, { 'source/main.ts': 'mine' });
  symlinkSync('source', join(directory, 'src'));
  expect(await actions(directory, 'merge')).toMatchObject({ 'src/main.ts': 'keep' });
});

test('a target that is a link is the directory that it points to', async () => {
  const directory = temporaryDirectory();
  mkdirSync(join(directory, 'real'));
  symlinkSync('real', join(directory, 'link'));
  expect((await planTarget(join(directory, 'link'), paths, 'abort')).directory).toBe(join(directory, 'real'));
});
