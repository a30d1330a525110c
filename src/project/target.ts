import type { Stats } from 'node:fs';
import { lstat, readdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, sep } from 'node:path';
import type { Answers } from '../answers/index.ts';
import { CreateError } from '../errors.ts';
import { environmentFile } from './environment-file.ts';
import { requireUsablePath } from './usable-path.ts';

export type FileAction = 'create' | 'overwrite' | 'keep';

export interface PlannedFile {
  /** With `/` between its parts. */
  path: string;
  action: FileAction;
  /** The path of the existing file, which may differ in case. */
  existing?: string;
}

/** The directory of a project before anything is written. */
export interface Directory {
  /** Absolute, with links resolved. */
  directory: string;
  exists: boolean;
  /** The names in it. */
  entries: string[];
}

/** The directory, and what will be done to each file in it. */
export interface Target extends Directory {
  files: PlannedFile[];
}

/** Names that an empty directory may contain: what version control, editors and systems put there. */
const harmless = new Set(
  '.git .hg .svn .gitkeep .keep .idea .DS_Store Thumbs.db desktop.ini lost+found'.split(' '),
);

/**
 * Inspects the target directory and decides what to do to each file. Nothing is written.
 *
 * @param existing what to do with a directory that is not empty
 * @param made the names of what the steps make in it
 * @throws {CreateError} target_not_empty, if it is not and `existing` is `abort`;
 *   target_not_writable, if something is in the way or a link leaves the directory; bad_input, if its path is not usable
 */
export async function planTarget(
  target: string,
  paths: Iterable<string>,
  existing: Answers['existing'],
  made: readonly string[] = [],
): Promise<Target> {
  const { directory, exists, entries } = await inspectDirectory(target);
  const files: PlannedFile[] = [];
  for (const path of paths) {
    const there = exists ? await findExisting(directory, path) : undefined;
    const replaced = existing === 'overwrite' && path !== environmentFile;
    if (there === undefined) files.push({ path, action: 'create' });
    else files.push({ path, action: replaced ? 'overwrite' : 'keep', existing: there });
  }

  if (existing === 'abort' && !isEmpty(entries)) {
    const inTheWay = files.filter(({ action }) => action !== 'create').map(({ path }) => path);
    throw new CreateError(
      'target_not_empty',
      `${target} is not empty${inTheWay.length === 0 ? '' : ` and contains ${shortList(inTheWay)}`}: ` +
        'choose another directory, --existing merge (keeps the files that are there) or ' +
        '--existing overwrite (replaces files that the template has too, but never .env)',
      { flag: '--existing' },
    );
  }
  for (const name of made) if (entries.includes(name)) await refuseLeaving(directory, join(directory, name));
  return { directory, exists, entries, files };
}

/** `39 files`, or `37 files, 2 kept`. */
export function countFiles(files: readonly PlannedFile[]): string {
  const kept = files.filter(({ action }) => action === 'keep').length;
  const replaced = files.filter(({ action }) => action === 'overwrite').length;
  return [
    `${files.length - kept} files`,
    ...(replaced > 0 ? [`${replaced} of them overwritten`] : []),
    ...(kept > 0 ? [`${kept} kept`] : []),
  ].join(', ');
}

/**
 * @throws {CreateError} target_not_writable, if it exists but is not a readable directory;
 *   bad_input, if nothing can work in a directory with such a path
 */
export async function inspectDirectory(target: string): Promise<Directory> {
  const inspected = await readDirectory(target);
  requireUsablePath(inspected.directory);
  return inspected;
}

async function readDirectory(target: string): Promise<Directory> {
  try {
    const entries = await readdir(target);
    return { directory: await realpath(target), exists: true, entries };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' && !(await isLink(target))) {
      return { directory: await resolveParent(target), exists: false, entries: [] };
    }
    throw notWritable(target, error);
  }
}

export function isEmpty(entries: string[]): boolean {
  return entries.every((name) => harmless.has(name));
}

/** Explains a failed file operation in one line. */
export function notWritable(path: string, error: unknown): CreateError {
  const code = (error as NodeJS.ErrnoException).code ?? String(error);
  const why =
    {
      EACCES: 'no permission',
      EPERM: 'no permission',
      EROFS: 'the file system is read-only',
      ENOSPC: 'the disk is full',
      EDQUOT: 'the disk quota is exceeded',
      ENAMETOOLONG: 'the path is too long',
      ENOTDIR: 'a file is in the place of a directory',
      ENOENT: 'a link points to nothing',
      ELOOP: 'links form a loop',
    }[code] ?? code;
  return new CreateError('target_not_writable', `cannot write ${path}: ${why}`, {
    flag: 'directory',
    cause: error,
  });
}

/**
 * Finds the existing file in the place of a planned one.
 *
 * @returns its path as it is spelled there, or undefined if there is none
 */
async function findExisting(directory: string, path: string): Promise<string | undefined> {
  const segments = path.split('/');
  const found: string[] = [];
  for (const [index, segment] of segments.entries()) {
    const folder = join(directory, ...found);
    const name = await findName(folder, segment);
    if (name === undefined) return undefined;
    found.push(name);
    const isLast = index === segments.length - 1;
    if (isLast) await refuseDirectory(join(folder, name));
    else if (name !== segment) throw inTheWay(join(folder, name), `it differs from ${segment} only in case`);
    else await refuseOutside(directory, join(folder, name));
  }
  return found.join('/');
}

/**
 * The entry of a folder with this name, in any case: a project with both README.md and readme.md cannot be checked out
 * on Windows or macOS.
 */
async function findName(folder: string, name: string): Promise<string | undefined> {
  const names = await readdir(folder);
  if (names.includes(name)) return name;
  return names.find((other) => other.toLowerCase() === name.toLowerCase());
}

async function refuseDirectory(path: string): Promise<void> {
  if ((await lstat(path)).isDirectory()) throw inTheWay(path, 'it is a directory');
}

async function refuseOutside(directory: string, path: string): Promise<void> {
  const stats = await refuseLeaving(directory, path);
  if (!stats.isDirectory()) throw inTheWay(path, 'a directory is needed in its place');
}

async function refuseLeaving(directory: string, path: string): Promise<Stats> {
  let real: { path: string; stats: Stats };
  try {
    real = { path: await realpath(path), stats: await stat(path) };
  } catch (error) {
    throw notWritable(path, error);
  }
  if (!real.path.startsWith(directory.endsWith(sep) ? directory : directory + sep)) {
    throw inTheWay(path, `it is a link that leaves the directory, to ${real.path}`);
  }
  return real.stats;
}

function inTheWay(path: string, why: string): CreateError {
  return new CreateError('target_not_writable', `${path} is in the way: ${why}`, { flag: 'directory' });
}

/** The path of a directory that does not exist, with the links of its existing parents resolved. */
async function resolveParent(target: string): Promise<string> {
  const parent = dirname(target);
  if (parent === target) return target;
  const resolved = await realpath(parent).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return resolveParent(parent);
    throw notWritable(target, error);
  });
  return join(resolved, basename(target));
}

async function isLink(path: string): Promise<boolean> {
  return lstat(path).then(
    (stats) => stats.isSymbolicLink(),
    () => false,
  );
}

function shortList(paths: string[]): string {
  const shown = paths.slice(0, 5).join(', ');
  return paths.length > 5 ? `${shown} and ${paths.length - 5} more` : shown;
}
