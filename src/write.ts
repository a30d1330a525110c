import { chmodSync, existsSync, mkdirSync, renameSync, rmdirSync } from 'node:fs';
import { mkdtemp, readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { copy, outputFileSync, remove } from 'fs-extra/esm';
import type { RenderedFiles } from './render.js';
import { notWritable, type Plan } from './target.js';

/** A project that was written, and can still be taken back. */
export interface Written {
  /** Puts the directory back as it was, whatever later steps have made in it. */
  undo(): Promise<void>;
  /** Makes it final. */
  keep(): Promise<void>;
}

/**
 * Writes the planned files: all of them, or none.
 *
 * They are first written to a staging folder on the same file system, where a full disk or a missing permission shows
 * itself, and then moved in place, which is quick and can be undone.
 *
 * @throws {CreateError} target_not_writable, with the directory as it was before
 */
export async function writeProject(plan: Plan, files: RenderedFiles, signal?: AbortSignal): Promise<Written> {
  const made = makeParents(plan.directory);
  let staging: string | undefined;
  try {
    staging = await makeStaging(plan);
    const newFiles = join(staging, 'new');
    writeFiles(plan, files, newFiles);
    signal?.throwIfAborted();
    const restoreLockFiles = await saveLockFiles(plan, staging);
    const undoMoves = plan.exists ? moveFiles(plan, staging) : moveDirectory(plan.directory, newFiles);
    return finish(plan, staging, made, async () => {
      undoMoves();
      await restoreLockFiles();
    });
  } catch (error) {
    if (staging !== undefined) await remove(staging);
    removeDirectories(made);
    throw isSystemError(error) ? notWritable(plan.directory, error) : error;
  }
}

/** Files that are no part of the project as it is written, but that its install changes. */
const lockFiles = ['package-lock.json', 'pnpm-lock.yaml', 'yarn.lock', 'bun.lock'];

/** Copies the lock files that are there already. @returns puts them back */
async function saveLockFiles({ directory, entries }: Plan, staging: string): Promise<() => Promise<void>> {
  const saved = lockFiles.filter((name) => entries.includes(name));
  for (const name of saved) await copy(join(directory, name), join(staging, 'locks', name));
  return async () => {
    for (const name of saved) await copy(join(staging, 'locks', name), join(directory, name));
  };
}

function writeFiles(plan: Plan, files: RenderedFiles, folder: string): void {
  const kept = new Set(plan.files.filter(({ action }) => action === 'keep').map(({ path }) => path));
  for (const [path, { content, mode }] of files) {
    if (kept.has(path)) continue;
    outputFileSync(join(folder, path), content);
    if (mode !== undefined) chmodSync(join(folder, path), mode);
  }
}

function finish(plan: Plan, staging: string, made: string[], restore: () => Promise<void>): Written {
  return {
    async undo() {
      if (plan.exists) {
        await restore();
        const entries = await readdir(plan.directory);
        const added = entries.filter((name) => !plan.entries.includes(name));
        await Promise.all(added.map((name) => remove(join(plan.directory, name))));
      } else {
        await remove(plan.directory);
      }
      await remove(staging);
      removeDirectories(made);
    },
    keep: () => remove(staging),
  };
}

/**
 * A new folder on the file system of the target, so that moving from it copies nothing: beside the target if
 * possible, where a process that is killed leaves the target itself untouched.
 */
async function makeStaging({ directory, exists }: Plan): Promise<string> {
  const prefix = '.create-mcp-sse-';
  const parent = dirname(directory);
  if (!exists) return mkdtemp(join(parent, prefix));

  const sameFileSystem = (await stat(parent)).dev === (await stat(directory)).dev;
  const beside = sameFileSystem ? await mkdtemp(join(parent, prefix)).catch(() => undefined) : undefined;
  return beside ?? mkdtemp(join(directory, prefix));
}

function moveDirectory(directory: string, from: string): () => void {
  renameSync(from, directory);
  return () => {};
}

/**
 * Moves the new files into a directory that is there already, one by one; what they replace is put aside.
 * Nothing is awaited on the way: no signal can come between two moves.
 */
function moveFiles(plan: Plan, staging: string): () => void {
  const done: (() => void)[] = [];
  const undo = () => {
    for (const undoOne of done.splice(0).reverse()) undoOne();
  };
  const move = (from: string, to: string) => {
    const parents = makeParents(to);
    done.push(() => removeDirectories(parents));
    renameSync(from, to);
    done.push(() => existsSync(to) && renameSync(to, from));
  };

  try {
    for (const { path, action, existing } of plan.files) {
      if (action === 'keep') continue;
      if (existing !== undefined) move(join(plan.directory, existing), join(staging, 'old', existing));
      move(join(staging, 'new', path), join(plan.directory, path));
    }
  } catch (error) {
    undo();
    throw error;
  }
  return undo;
}

/** Makes the directories above a path. @returns those that were not there, outermost first */
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

/** Removes directories that this run made, unless somebody has put something there in the meantime. */
function removeDirectories(directories: string[]): void {
  for (const directory of [...directories].reverse()) {
    try {
      rmdirSync(directory);
    } catch {
      return; // not empty: then those above it are not either
    }
  }
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error;
}
