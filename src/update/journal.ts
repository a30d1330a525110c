import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { outputFileSync } from 'fs-extra/esm';
import { remove } from '../project/index.ts';
import { notReady } from './repository.ts';

/** A file to write, or without content to delete. */
export interface Change {
  path: string;
  content?: Buffer;
  /** Permission bits of a new file, if they are not the usual ones. */
  mode?: number;
}

interface Entry {
  path: string;
  mode?: number;
}

/**
 * The changes of an update, kept in a folder of the repository's own from before the first is made until the project is
 * proved: a run that is killed in between is finished by the next one, and one that is cancelled is undone.
 */
export class Journal<Report> {
  readonly #folder: string;
  readonly #directory: string;
  readonly report: Report;
  readonly #entries: readonly Entry[];

  private constructor(folder: string, directory: string) {
    this.#folder = folder;
    this.#directory = directory;
    const { report, entries } = JSON.parse(readFileSync(join(folder, 'journal.json'), 'utf8'));
    this.report = report;
    this.#entries = entries;
  }

  /** Keeps the changes, and what is there before them. @throws {CreateError} project_not_ready, if another run is at it */
  static async begin<Report>(
    folder: string,
    directory: string,
    changes: readonly Change[],
    report: Report,
  ): Promise<Journal<Report>> {
    await claim(folder);
    for (const { path, content } of changes) {
      const old = readIfThere(join(directory, path));
      if (old !== undefined) outputFileSync(join(folder, 'old', path), old);
      if (content !== undefined) outputFileSync(join(folder, 'new', path), content);
    }
    const entries = changes.map(({ path, mode }) => ({ path, ...(mode !== undefined && { mode }) }));
    // A run that finds it finds all of it.
    writeFileSync(join(folder, 'journal.tmp'), JSON.stringify({ report, entries }));
    renameSync(join(folder, 'journal.tmp'), join(folder, 'journal.json'));
    return new Journal(folder, directory);
  }

  /** What a killed run has left; undefined if there is none. @throws {CreateError} project_not_ready, if it still runs */
  static async find<Report>(folder: string, directory: string): Promise<Journal<Report> | undefined> {
    if (!existsSync(join(folder, 'journal.json'))) return undefined;
    requireNoOther(folder);
    writeFileSync(join(folder, 'process'), String(process.pid));
    return new Journal(folder, directory);
  }

  /** Whether every change was made. */
  get applied(): boolean {
    return existsSync(join(this.#folder, 'applied'));
  }

  /** Makes the changes that are not made yet. It awaits nothing, so no signal can interrupt it. */
  apply(): void {
    if (this.applied) return;
    for (const entry of this.#entries) {
      const { place, old, wanted } = this.#states(entry);
      const now = readIfThere(place);
      if (same(now, wanted)) continue;
      if (!same(now, old))
        throw notReady(`${entry.path} was changed during the update: restore it, or remove ${this.#folder}`);
      if (wanted === undefined) this.#delete(entry.path);
      else replace(place, wanted, entry.mode);
    }
    writeFileSync(join(this.#folder, 'applied'), '');
  }

  /** Takes the changes back. @returns the files that stay, because somebody has changed them since */
  async undo(): Promise<string[]> {
    const changed: string[] = [];
    for (const entry of this.#entries) {
      const { place, old, wanted } = this.#states(entry);
      const now = readIfThere(place);
      if (same(now, old)) continue;
      if (!same(now, wanted)) changed.push(entry.path);
      else if (old === undefined) this.#delete(entry.path);
      else replace(place, old, undefined);
    }
    await this.end();
    return changed;
  }

  /** Nothing is left to be finished or undone. */
  async end(): Promise<void> {
    await remove(this.#folder);
  }

  #states({ path }: Entry) {
    return {
      place: join(this.#directory, path),
      old: readIfThere(join(this.#folder, 'old', path)),
      wanted: readIfThere(join(this.#folder, 'new', path)),
    };
  }

  /** Deletes a file, and the folders that are empty without it. */
  #delete(path: string): void {
    unlinkSync(join(this.#directory, path));
    try {
      for (let folder = dirname(path); folder !== '.'; folder = dirname(folder))
        rmdirSync(join(this.#directory, folder));
    } catch {
      // It is not empty.
    }
  }
}

async function claim(folder: string): Promise<void> {
  if (existsSync(folder)) {
    requireNoOther(folder);
    await remove(folder); // it was killed before it changed anything
  }
  mkdirSync(dirname(folder), { recursive: true });
  mkdirSync(folder, { mode: 0o700 }); // it may hold an .env
  writeFileSync(join(folder, 'process'), String(process.pid));
}

function requireNoOther(folder: string): void {
  try {
    const owner = Number(readFileSync(join(folder, 'process'), 'utf8'));
    if (owner === process.pid) return;
    process.kill(owner, 0);
  } catch (error) {
    if (['ESRCH', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? '')) return;
  }
  throw notReady(`another update of the same project runs; if there is none, remove ${folder}`);
}

function readIfThere(path: string): Buffer | undefined {
  return lstatSync(path, { throwIfNoEntry: false })?.isFile() ? readFileSync(path) : undefined;
}

function same(one: Buffer | undefined, other: Buffer | undefined): boolean {
  return one === undefined || other === undefined ? one === other : one.equals(other);
}

/** Replaces a file as a whole; it keeps its permissions. */
function replace(place: string, content: Buffer, mode: number | undefined): void {
  const permissions = statSync(place, { throwIfNoEntry: false })?.mode ?? mode;
  const beside = `${place}.create-mcp-sse`;
  mkdirSync(dirname(place), { recursive: true });
  writeFileSync(beside, content, permissions === undefined ? {} : { mode: permissions & 0o777 });
  renameSync(beside, place);
}
