import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  unlinkSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { outputFileSync } from 'fs-extra/esm';
import { CreateError } from '../errors.ts';
import { remove } from './remove.ts';
import type { RenderedFiles } from './render.ts';
import { makeStaging } from './staging.ts';
import { notWritable, type PlannedFile, type Target } from './target.ts';
import { Tracker } from './tracker.ts';

/** Written files that are not final yet. */
export interface Transaction {
  /** Does work that makes files and folders of these names in the directory, so that a rollback undoes it too. */
  track<T>(names: readonly string[], work: () => Promise<T>): Promise<T>;
  /** Makes the files final. */
  commit(): Promise<void>;
  /**
   * Undoes what was written and what the tracked work has made. What somebody else has made or changed stays.
   *
   * @returns the paths of the written files that stay because they were changed
   */
  rollback(): Promise<string[]>;
}

/**
 * Writes the planned files: all of them, or none.
 *
 * They are first written to a staging folder on the same file system, where a full disk or a missing permission shows,
 * and then moved into place, which is quick and can be rolled back.
 *
 * @throws {CreateError} target_not_writable, with the directory as it was before
 */
export async function writeProject(
  target: Target,
  files: RenderedFiles,
  signal?: AbortSignal,
): Promise<Transaction> {
  const { directory, exists } = target;
  const made = makeParents(directory);
  const written = target.files.filter(({ action }) => action !== 'keep');
  let staging: string | undefined;
  try {
    staging = await makeStaging(target);
    const newFiles = join(staging, 'new');
    writeFiles(written, files, newFiles);
    signal?.throwIfAborted();
    if (exists) made.push(...moveFiles(directory, written, staging));
    else made.push(...moveDirectory(directory, newFiles, written));
    return transaction(directory, written, files, staging, made);
  } catch (error) {
    if (staging !== undefined) await remove(staging);
    removeDirectories(made);
    throw isSystemError(error) ? notWritable(directory, error) : error;
  }
}

function writeFiles(written: PlannedFile[], files: RenderedFiles, folder: string): void {
  mkdirSync(folder);
  for (const { path } of written) {
    const { content, mode } = files.get(path) ?? raise(path);
    outputFileSync(join(folder, path), content);
    if (mode !== undefined) chmodSync(join(folder, path), mode);
  }
}

function transaction(
  directory: string,
  written: PlannedFile[],
  files: RenderedFiles,
  staging: string,
  made: string[],
): Transaction {
  const tracker = new Tracker(directory, join(staging, 'before'));
  return {
    track: (names, work) => tracker.track(names, work),
    commit: () => remove(staging),
    async rollback() {
      tracker.undo();
      const changed = written.filter((file) => !undoFile(directory, file, files, staging));
      await remove(staging);
      removeDirectories(made);
      return changed.map(({ path }) => path);
    },
  };
}

/**
 * Removes a written file, and brings back the one that it replaced.
 *
 * @returns false if it was changed, and stays: the file that it replaced gets `.orig` after its name
 */
function undoFile(directory: string, file: PlannedFile, files: RenderedFiles, staging: string): boolean {
  const path = join(directory, file.path);
  const old = file.existing === undefined ? undefined : join(staging, 'old', file.existing);
  const stats = lstatSync(path, { throwIfNoEntry: false });
  const unchanged = stats?.isFile() && files.get(file.path)?.content.equals(readFileSync(path));
  if (stats !== undefined && !unchanged) {
    if (old !== undefined) renameSync(old, freePath(`${path}.orig`));
    return false;
  }
  if (stats !== undefined) unlinkSync(path);
  if (old !== undefined) renameSync(old, join(directory, file.existing ?? file.path));
  return true;
}

function freePath(path: string): string {
  return existsSync(path) ? freePath(`${path}~`) : path;
}

/** @returns the directories that were made, outermost first */
function moveDirectory(directory: string, from: string, written: PlannedFile[]): string[] {
  try {
    renameSync(from, directory);
  } catch (error) {
    throw existsSync(directory) ? appeared(directory) : error; // an empty one would have been replaced
  }
  const folders = new Set(written.flatMap(({ path }) => foldersOf(path)));
  return [directory, ...[...folders].sort().map((folder) => join(directory, folder))];
}

/** `a` and `a/b` for `a/b/c`. */
function foldersOf(path: string): string[] {
  return [...path.matchAll(/\//g)].map(({ index }) => path.slice(0, index));
}

/**
 * Moves the new files one by one into a directory that exists, and the files that they replace out of it. It awaits
 * nothing, so no signal can interrupt it.
 *
 * @returns the directories that were made, outermost first
 */
function moveFiles(directory: string, written: PlannedFile[], staging: string): string[] {
  const made: string[] = [];
  const moved: [from: string, to: string][] = [];
  const move = (from: string, to: string) => {
    made.push(...makeParents(to));
    renameSync(from, to);
    moved.push([from, to]);
  };

  try {
    for (const { path, existing } of written) {
      if (existing !== undefined) move(join(directory, existing), join(staging, 'old', existing));
      else if (existsSync(join(directory, path))) throw appeared(join(directory, path));
      move(join(staging, 'new', path), join(directory, path));
    }
    return made;
  } catch (error) {
    for (const [from, to] of moved.reverse()) renameSync(to, from);
    removeDirectories(made);
    throw error;
  }
}

function appeared(path: string): CreateError {
  return new CreateError('target_not_writable', `${path} was created by another program in the meantime`, {
    flag: 'directory',
  });
}

/** Makes the directories above a path. @returns those that did not exist, outermost first */
function makeParents(path: string): string[] {
  const missing: string[] = [];
  for (let parent = dirname(path); !existsSync(parent); parent = dirname(parent)) missing.unshift(parent);
  const made: string[] = [];
  try {
    for (const parent of missing) {
      mkdirSync(parent);
      made.push(parent);
    }
  } catch (error) {
    removeDirectories(made);
    throw isSystemError(error) ? notWritable(path, error) : error;
  }
  return made;
}

/** Removes directories that this run made, innermost first, unless somebody else has put something into them. */
function removeDirectories(directories: string[]): void {
  for (const directory of [...directories].reverse()) {
    try {
      rmdirSync(directory);
    } catch {
      // It is not empty, so those above it stay too.
    }
  }
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error;
}

function raise(path: string): never {
  throw new Error(`${path} was planned but not rendered`);
}
