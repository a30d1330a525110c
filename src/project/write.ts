import { chmodSync, existsSync, mkdirSync, renameSync, rmdirSync } from 'node:fs';
import { mkdtemp, readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { copy, outputFileSync, remove } from 'fs-extra/esm';
import { CreateError } from '../errors.ts';
import type { RenderedFiles } from './render.ts';
import { notWritable, type Target } from './target.ts';

/** Written files that are not final yet. */
export interface Transaction {
  /** Makes them final. */
  commit(): Promise<void>;
  /** Restores the directory, whatever later steps have created in it. */
  rollback(): Promise<void>;
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
  const parents = makeParents(target.directory);
  let staging: string | undefined;
  try {
    staging = await makeStaging(target);
    const newFiles = join(staging, 'new');
    writeFiles(target, files, newFiles);
    signal?.throwIfAborted();
    const restoreLockFiles = await saveLockFiles(target, staging);
    const moveBack = target.exists ? moveFiles(target, staging) : moveDirectory(target.directory, newFiles);
    return transaction(target, staging, parents, async () => {
      moveBack();
      await restoreLockFiles();
    });
  } catch (error) {
    if (staging !== undefined) await remove(staging);
    removeDirectories(parents);
    throw isSystemError(error) ? notWritable(target.directory, error) : error;
  }
}

/** Files that the project does not contain when it is written, but that its install changes. */
const lockFiles = ['package-lock.json', 'pnpm-lock.yaml', 'yarn.lock', 'bun.lock'];

/** Copies the existing lock files. @returns a function that restores them */
async function saveLockFiles({ directory, entries }: Target, staging: string): Promise<() => Promise<void>> {
  const saved = lockFiles.filter((name) => entries.includes(name));
  for (const name of saved) await copy(join(directory, name), join(staging, 'locks', name));
  return async () => {
    for (const name of saved) await copy(join(staging, 'locks', name), join(directory, name));
  };
}

function writeFiles(target: Target, files: RenderedFiles, folder: string): void {
  const kept = new Set(target.files.filter(({ action }) => action === 'keep').map(({ path }) => path));
  for (const [path, { content, mode }] of files) {
    if (kept.has(path)) continue;
    outputFileSync(join(folder, path), content);
    if (mode !== undefined) chmodSync(join(folder, path), mode);
  }
}

function transaction(
  { directory, exists, entries: entriesBefore }: Target,
  staging: string,
  parents: string[],
  restore: () => Promise<void>,
): Transaction {
  return {
    commit: () => remove(staging),
    async rollback() {
      if (exists) {
        await restore();
        const added = (await readdir(directory)).filter((name) => !entriesBefore.includes(name));
        await Promise.all(added.map((name) => remove(join(directory, name))));
      } else {
        await remove(directory);
      }
      await remove(staging);
      removeDirectories(parents);
    },
  };
}

/**
 * Makes a new folder on the target's file system, so that moving files from it copies nothing. If possible it is next to
 * the target: a process that is killed then leaves the target itself untouched.
 */
async function makeStaging({ directory, exists }: Target): Promise<string> {
  const prefix = '.create-mcp-sse-';
  const parent = dirname(directory);
  if (!exists) return mkdtemp(join(parent, prefix));

  const sameFileSystem = (await stat(parent)).dev === (await stat(directory)).dev;
  const adjacent = sameFileSystem ? await mkdtemp(join(parent, prefix)).catch(() => undefined) : undefined;
  return adjacent ?? mkdtemp(join(directory, prefix));
}

function moveDirectory(directory: string, from: string): () => void {
  renameSync(from, directory);
  return () => {};
}

/**
 * Moves the new files one by one into a directory that exists, and the files that they replace out of it. It awaits
 * nothing, so no signal can interrupt it.
 *
 * @returns a function that moves everything back
 */
function moveFiles({ directory, files }: Target, staging: string): () => void {
  const reversals: (() => void)[] = [];
  const moveBack = () => {
    for (const reverse of reversals.splice(0).reverse()) reverse();
  };
  const move = (from: string, to: string) => {
    const parents = makeParents(to);
    reversals.push(() => removeDirectories(parents));
    renameSync(from, to);
    reversals.push(() => existsSync(to) && renameSync(to, from));
  };

  try {
    for (const { path, action, existing } of files) {
      if (action === 'keep') continue;
      if (existing !== undefined) move(join(directory, existing), join(staging, 'old', existing));
      else if (existsSync(join(directory, path))) throw appeared(join(directory, path));
      move(join(staging, 'new', path), join(directory, path));
    }
  } catch (error) {
    moveBack();
    throw error;
  }
  return moveBack;
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

/** Removes directories that this run made, unless another program has put something into them. */
function removeDirectories(directories: string[]): void {
  for (const directory of [...directories].reverse()) {
    try {
      rmdirSync(directory);
    } catch {
      return; // not empty, so those above it are not empty either
    }
  }
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error;
}
