import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { planTarget } from '../src/target.js';
import { writeTree } from './fixtures/files.js';
import { temporaryDirectory } from './fixtures/temporary.js';

const paths = ['README.md', 'src/main.ts'];

const actions = async (target: string, existing: 'abort' | 'merge' | 'overwrite') =>
  Object.fromEntries(
    (await planTarget(target, paths, existing)).files.map(({ path, action }) => [path, action]),
  );

test('in a directory that is missing, empty or holds only .git, all files are new', async () => {
  const directory = temporaryDirectory();
  const allNew = { 'README.md': 'create', 'src/main.ts': 'create' };
  expect(await actions(join(directory, 'a/b'), 'abort')).toEqual(allNew);
  expect(await actions(directory, 'abort')).toEqual(allNew);
  mkdirSync(join(directory, '.git'));
  expect(await actions(directory, 'abort')).toEqual(allNew);
});

describe('a directory that is not empty', () => {
  test('is refused, with the files that are in the way and the choices', async () => {
    const directory = temporaryDirectory();
    writeTree(directory, { 'README.md': 'mine', 'notes.txt': 'mine' });
    await expect(planTarget(directory, paths, 'abort')).rejects.toMatchObject({
      code: 'target_not_empty',
      exitStatus: 3,
      flag: '--existing',
      message: expect.stringMatching(
        /is not empty and has README\.md already: .*--existing merge .*--existing overwrite/,
      ),
    });
  });

  test('keeps its files with merge, and loses those of the template with overwrite', async () => {
    const directory = temporaryDirectory();
    writeTree(directory, { 'README.md': 'mine', 'notes.txt': 'mine' });
    expect(await actions(directory, 'merge')).toEqual({ 'README.md': 'keep', 'src/main.ts': 'create' });
    expect(await actions(directory, 'overwrite')).toEqual({
      'README.md': 'overwrite',
      'src/main.ts': 'create',
    });
  });

  test('keeps its .env in any case: nothing else has the secrets', async () => {
    const directory = temporaryDirectory();
    writeTree(directory, { '.env': 'mine' });
    const { files } = await planTarget(directory, ['.env'], 'overwrite');
    expect(files).toEqual([{ path: '.env', action: 'keep', existing: '.env' }]);
  });

  test('has a file already when only its case differs: elsewhere the two would be one', async () => {
    const directory = temporaryDirectory();
    writeTree(directory, { 'readme.MD': 'mine' });
    const { files } = await planTarget(directory, paths, 'merge');
    expect(files[0]).toEqual({ path: 'README.md', action: 'keep', existing: 'readme.MD' });
  });
});

describe('what is in the way is refused before anything is written:', () => {
  const refusals: [string, (directory: string) => void, string][] = [
    ['a file for a folder', (dir) => writeFileSync(join(dir, 'src'), ''), 'a directory is needed there'],
    ['a folder for a file', (dir) => mkdirSync(join(dir, 'README.md')), 'it is a directory'],
    ['a folder of another case', (dir) => mkdirSync(join(dir, 'SRC')), 'differs from src only in case'],
    [
      'a link that leaves',
      (dir) => symlinkSync('/tmp', join(dir, 'src')),
      'a link that leaves the directory',
    ],
    ['a link up', (dir) => symlinkSync('..', join(dir, 'src')), 'a link that leaves the directory'],
    ['a link to nowhere', (dir) => symlinkSync('nowhere', join(dir, 'src')), 'a link leads nowhere'],
    ['a link in a circle', (dir) => symlinkSync('src', join(dir, 'src')), 'links lead in a circle'],
  ];

  test.each(refusals)('%s', async (_what, prepare, why) => {
    const directory = temporaryDirectory();
    prepare(directory);
    await expect(planTarget(directory, paths, 'overwrite')).rejects.toMatchObject({
      code: 'target_not_writable',
      message: expect.stringContaining(why),
    });
  });

  test('a target that is a file, or below one', async () => {
    const directory = temporaryDirectory();
    writeTree(directory, { file: '' });
    const refused = { code: 'target_not_writable', message: expect.stringContaining('a file is where') };
    await expect(planTarget(join(directory, 'file'), paths, 'abort')).rejects.toMatchObject(refused);
    await expect(planTarget(join(directory, 'file/below'), paths, 'abort')).rejects.toMatchObject(refused);
  });

  test('a name that is too long', async () => {
    await expect(
      planTarget(join(temporaryDirectory(), 'a'.repeat(300)), paths, 'abort'),
    ).rejects.toMatchObject({
      code: 'target_not_writable',
      message: expect.stringContaining('the path is too long'),
    });
  });
});

test('a link that stays inside is followed', async () => {
  const directory = temporaryDirectory();
  writeTree(directory, { 'source/main.ts': 'mine' });
  symlinkSync('source', join(directory, 'src'));
  expect(await actions(directory, 'merge')).toMatchObject({ 'src/main.ts': 'keep' });
});

test('a target that is itself a link is where it leads', async () => {
  const directory = temporaryDirectory();
  mkdirSync(join(directory, 'real'));
  symlinkSync('real', join(directory, 'link'));
  expect((await planTarget(join(directory, 'link'), paths, 'abort')).directory).toBe(join(directory, 'real'));
});
