import { lstatSync, mkdirSync, readdirSync, rmdirSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { copySync } from 'fs-extra/esm';

/**
 * Keeps account of what steps make in a directory, so that exactly that can be undone. A step says which names it makes;
 * what was there before in their place is copied aside.
 */
export class Tracker {
  readonly #directory: string;
  readonly #copies: string;
  /** The names that a step has made so far, and what was in their place before. */
  readonly #before = new Map<string, Map<string, string>>();
  readonly #made = new Set<string>();
  /** Paths that were there before, and were changed or removed. */
  readonly #changed = new Set<string>();

  /** @param copies a folder for what was there before */
  constructor(directory: string, copies: string) {
    this.#directory = directory;
    this.#copies = copies;
  }

  /** Does work that makes files and folders of these names. What others do to them at the same time is taken for its own. */
  async track<T>(names: readonly string[], work: () => Promise<T>): Promise<T> {
    for (const name of names.filter((one) => !this.#before.has(one))) {
      const before = listTree(this.#directory, name);
      this.#before.set(name, before);
      if (before.size > 0)
        copySync(join(this.#directory, name), join(this.#copies, name), { preserveTimestamps: true });
    }
    const start = names.map((name) => listTree(this.#directory, name));
    try {
      return await work();
    } finally {
      for (const [index, name] of names.entries()) this.#record(name, start[index] ?? new Map());
    }
  }

  /** Removes what was made, and restores what was changed. What others have added since the work ended stays. */
  undo(): void {
    // Longer paths first: what is in a folder before the folder itself.
    for (const path of [...this.#made].sort().reverse()) removeEntry(join(this.#directory, path));
    for (const path of [...this.#changed].sort()) {
      const [copy, place] = [join(this.#copies, path), join(this.#directory, path)];
      const isFolder = lstatSync(copy).isDirectory();
      if (isFolder && lstatSync(place, { throwIfNoEntry: false })?.isDirectory()) continue;
      removeEntry(place);
      if (isFolder)
        mkdirSync(place); // what was in it follows
      else copySync(copy, place, { preserveTimestamps: true });
    }
  }

  #record(name: string, start: Map<string, string>): void {
    const now = listTree(this.#directory, name);
    const before = this.#before.get(name) ?? new Map();
    for (const path of now.keys()) if (!start.has(path) && !before.has(path)) this.#made.add(path);
    for (const [path, state] of before) if (now.get(path) !== state) this.#changed.add(path);
  }
}

/** A file or folder with all that is in it: each path, and what tells whether it was changed. Links are not followed. */
function listTree(root: string, path: string): Map<string, string> {
  const all = new Map<string, string>();
  const visit = (one: string) => {
    const stats = lstatSync(join(root, one), { throwIfNoEntry: false });
    if (stats === undefined) return;
    const isFolder = stats.isDirectory();
    all.set(one, isFolder ? `${stats.mode}` : `${stats.mode} ${stats.size} ${stats.mtimeMs}`);
    for (const name of isFolder ? readdirSync(join(root, one)) : []) visit(`${one}/${name}`);
  };
  visit(path);
  return all;
}

/** Removes a file, a link or an empty folder, if it is there. A folder into which somebody has put something stays. */
function removeEntry(path: string): void {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return;
  if (!stats.isDirectory()) unlinkSync(path);
  else if (readdirSync(path).length === 0) rmdirSync(path);
}
