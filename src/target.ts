import type { Stats } from 'node:fs';
import { lstat, readdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, sep } from 'node:path';
import { CreateError } from './errors.js';
import type { Answers } from './questions.js';

export type FileAction = 'create' | 'overwrite' | 'keep';

export interface PlannedFile {
  /** With `/` between its parts. */
  path: string;
  action: FileAction;
  /** What is there already, as it is spelled there. */
  existing?: string;
}

/** What will be done to a directory, before anything is done. */
export interface Plan {
  /** Absolute. Links on the way to it are resolved. */
  directory: string;
  /** Whether the directory is there already. */
  exists: boolean;
  /** The names in the directory, before the run. */
  entries: string[];
  files: PlannedFile[];
}

/** Holds the project's secrets, which nothing else has: it is never overwritten. */
export const environmentFile = '.env';

/** Names in an otherwise empty directory that no template touches. */
const harmless = new Set(['.git', '.DS_Store']);

/**
 * Looks at the target directory and decides what would happen to each file.
 *
 * @param existing what to do with a directory that is not empty
 * @throws {CreateError} target_not_empty, when it is not and `existing` is `abort`;
 *   target_not_writable, when something is in the way or a link leads out of the directory
 */
export async function planTarget(
  target: string,
  paths: Iterable<string>,
  existing: Answers['existing'],
): Promise<Plan> {
  const { directory, exists, entries } = await inspectTarget(target);
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
      `${target} is not empty${inTheWay.length === 0 ? '' : ` and has ${shortList(inTheWay)} already`}: ` +
        'choose another directory, --existing merge (keeps the files that are there) or ' +
        '--existing overwrite (replaces only the files that the template has, never .env)',
      { flag: '--existing' },
    );
  }
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

/** @throws {CreateError} target_not_writable, when it is there but is not a directory that can be read */
export async function inspectTarget(target: string): Promise<Omit<Plan, 'files'>> {
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

/** Explains a failed operation on a file in one line. */
export function notWritable(path: string, error: unknown): CreateError {
  const code = (error as NodeJS.ErrnoException).code ?? String(error);
  const why =
    {
      EACCES: 'no permission',
      EPERM: 'no permission',
      EROFS: 'the file system is read-only',
      ENOSPC: 'the disk is full',
      EDQUOT: 'the disk quota is used up',
      ENAMETOOLONG: 'the path is too long',
      ENOTDIR: 'a file is where a directory should be',
      ENOENT: 'a link leads nowhere',
      ELOOP: 'links lead in a circle',
    }[code] ?? code;
  return new CreateError('target_not_writable', `cannot write ${path}: ${why}`, {
    flag: 'directory',
    cause: error,
  });
}

/**
 * Finds what is already there for one file.
 *
 * @returns its path as it is spelled there, or undefined when nothing is
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
 * The entry of a folder that is this name, or would be on a file system that does not tell cases apart: a project
 * with README.md and readme.md can be checked out neither on Windows nor on macOS.
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
  let real: { path: string; stats: Stats };
  try {
    real = { path: await realpath(path), stats: await stat(path) };
  } catch (error) {
    throw notWritable(path, error);
  }
  if (!real.path.startsWith(directory.endsWith(sep) ? directory : directory + sep)) {
    throw inTheWay(path, `it is a link that leaves the directory, to ${real.path}`);
  }
  if (!real.stats.isDirectory()) throw inTheWay(path, 'a directory is needed there');
}

function inTheWay(path: string, why: string): CreateError {
  return new CreateError('target_not_writable', `${path} is in the way: ${why}`, { flag: 'directory' });
}

/** The path of a directory that does not exist, with the links of its existing part resolved. */
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
