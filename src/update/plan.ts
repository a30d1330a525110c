import { readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import {
  type Answers,
  completeAnswers,
  overlayAnswers,
  readRecord,
  recordFile,
  splitRecord,
  withKept,
} from '../answers/index.ts';
import { CreateError } from '../errors.ts';
import {
  environmentFile,
  makeSecret,
  packageManagers,
  planTarget,
  type RenderedFiles,
  type Run,
  render,
} from '../project/index.ts';
import { generatorVersion } from '../version.ts';
import { renderAt } from './base.ts';
import { addVariables } from './environment-file.ts';
import { formattedLike } from './formatter.ts';
import type { Change } from './journal.ts';
import { type Merged, mergeTrees } from './merge.ts';
import { mergePackage } from './package-json.ts';
import { notReady, ourLabel, requireReady, theirLabel } from './repository.ts';
import { hasWindowsEnds, readFiles, type Tree, withUnixEnds, withWindowsEnds } from './trees.ts';
import { changesBetween, compareVersions, recordedVersion } from './versions.ts';

export type UpdateAction = 'update' | 'merge' | 'conflict' | 'add' | 'delete' | 'keep';

export interface UpdatedFile {
  path: string;
  action: UpdateAction;
  /** Of a conflict: the lines at which its markers begin. */
  lines?: number[];
}

/** What the template changed and the project does not take, with the difference as git shows it. */
export interface NotApplied {
  path: string;
  why: string;
  difference: string;
}

/** What an update does, without the bytes. */
export interface UpdateReport {
  name: string;
  from: string;
  to: string;
  answers: Answers;
  files: UpdatedFile[];
  notApplied: NotApplied[];
  /** Names that `.env` gains. */
  variables: string[];
  /** Sentences about what is left to the user. */
  notes: string[];
  /** From the changelog: what owners of existing projects should know. */
  news: string[];
}

/** Files that are merged in their own way, and those that belong to the package manager. */
const apart = new Set([
  environmentFile,
  'package.json',
  ...Object.values(packageManagers).flatMap(({ lockFiles }) => lockFiles),
]);

/** Decides in memory what an update does to each file. */
export async function planChanges(
  directory: string,
  flags: Partial<Answers>,
  run: Run,
): Promise<{ changes: Change[]; report: UpdateReport }> {
  const { tracked } = await requireReady(directory, run);
  const record = await readRecord(join(directory, recordFile), recordFile);
  const from = recordedVersion(record.facts.generator);
  if (compareVersions(from, generatorVersion) > 0) {
    throw new CreateError(
      'bad_input',
      `${recordFile} was written by create-mcp-sse ${from}, and this is ${generatorVersion}: ` +
        'run npx create-mcp-sse@latest update',
      { flag: 'directory' },
    );
  }
  const context = { cwd: directory, packageManager: 'npm' as const };
  const old = completeAnswers(record.answers, context);
  const answers = completeAnswers(overlayAnswers(record.answers, flags), context);

  const baseFiles = await renderAt(from, record.given, {
    directory,
    packageManager: old.packageManager,
    run,
  });
  requireUnedited(baseFiles, record.facts.rendered, from);
  const theirFiles = await render(answers, { secret: makeSecret(answers.auth) });
  const kept = new Set(record.facts.kept);
  const [base, theirs] = [baseFiles, theirFiles].map((files) => treeOf(files, kept)) as [Tree, Tree];
  const there = readFiles(directory, tracked);
  const ours: Tree = new Map(
    [...there].filter(([path]) => !apart.has(path)).map(([path, content]) => [path, withUnixEnds(content)]),
  );

  const report: UpdateReport = {
    name: answers.name,
    from,
    to: generatorVersion,
    answers,
    files: [],
    notApplied: [],
    variables: [],
    notes: [],
    news: changesBetween(from, generatorVersion),
  };
  const changes: Change[] = [];
  if (!sameTree(base, theirs)) {
    const { notes, ...formatted } = await formattedLike(ours, { base, theirs }, { directory, run });
    report.notes.push(...notes);
    const sides = { ours, ...formatted };
    const label = theirLabel(generatorVersion);
    changes.push(
      ...(await mergeTrees(sides, { run, label }, (merged) => changesOf(merged, sides, there, report))),
    );
    const newRecord = sides.theirs.get(recordFile) ?? Buffer.from('{}');
    const { given, facts } = record;
    if (!isDeepStrictEqual(splitRecord(JSON.parse(`${newRecord}`)), { given, facts }))
      changes.push(change(report, recordFile, 'update', likeBefore(newRecord, there.get(recordFile))));
  }

  const text = (files: RenderedFiles, path: string) => files.get(path)?.content.toString() ?? '';
  const ownText = (path: string) => there.get(path)?.toString() ?? '';
  changes.push(
    ...packageChanges(
      text(baseFiles, 'package.json'),
      ownText('package.json'),
      text(theirFiles, 'package.json'),
      report,
    ),
  );
  changes.push(
    ...environmentChanges(
      directory,
      text(baseFiles, environmentFile),
      text(theirFiles, environmentFile),
      report,
    ),
  );
  for (const [path, content] of Object.entries(packageManagers[answers.packageManager].files)) {
    if (!baseFiles.has(path) && !there.has(path) && apart.has(path))
      changes.push(change(report, path, 'add', Buffer.from(content)));
  }
  if (answers.packageManager !== old.packageManager) {
    const { lockFiles } = packageManagers[old.packageManager];
    const left = lockFiles.filter((path) => there.has(path));
    if (left.length > 0)
      report.notes.push(`Delete ${left.join(', ')}: ${answers.packageManager} does not read it.`);
  }

  report.files.sort((a, b) => (a.path < b.path ? -1 : 1));
  await requireFree(directory, changes, report);
  return { changes, report };
}

function requireUnedited(base: RenderedFiles, rendered: string | undefined, from: string): void {
  const record = base.get(recordFile)?.content.toString() ?? '{}';
  if (rendered === undefined || JSON.parse(record).rendered === rendered) return;
  throw new CreateError(
    'bad_input',
    `${recordFile} was edited by hand, or written by another build of ${from}: restore it, ` +
      'and give other answers as flags, such as update --port 9000',
    { flag: 'directory' },
  );
}

/** What git merges of a rendering. What `--existing merge` had kept has nothing in common with the template. */
function treeOf(files: RenderedFiles, kept: ReadonlySet<string>): Tree {
  const tree = new Map(
    [...files]
      .filter(([path]) => !apart.has(path) && !kept.has(path))
      .map(([path, { content }]) => [path, content]),
  );
  return tree.set(recordFile, Buffer.from(withKept(`${tree.get(recordFile)}`, [...kept])));
}

function sameTree(one: Tree, other: Tree): boolean {
  return one.size === other.size && [...one].every(([path, content]) => other.get(path)?.equals(content));
}

/** Kinds of conflict in which one side has deleted the file. */
const oneDeleted = ['modify/delete', 'rename/delete'];

async function changesOf(
  { tree, conflicts, differences }: Merged,
  { base, ours, theirs }: { base: Tree; ours: Tree; theirs: Tree },
  there: Tree,
  report: UpdateReport,
): Promise<Change[]> {
  const changes: Change[] = [];
  const notApplied: { path: string; why: string }[] = [];
  const isFolderGone = (path: string) => {
    const folder = `${posix.dirname(path)}/`;
    const has = (side: Tree) => [...side.keys()].some((one) => one.startsWith(folder));
    return folder !== './' && has(base) && !has(ours);
  };

  for (const path of new Set([...ours.keys(), ...tree.keys(), ...theirs.keys()])) {
    const [own, result] = [ours.get(path), tree.get(path)];
    const kinds = [...(conflicts.get(path) ?? [])];
    const isConflict = kinds.some((kind) => !oneDeleted.includes(kind));
    if (path === recordFile) continue; // nothing in it is the owner's
    if (own === undefined && result === undefined) continue; // deleted, or moved, and not changed since
    if (own !== undefined && result !== undefined && own.equals(result)) {
      if (base.has(path) && !theirs.has(path) && kinds.length > 0) {
        report.files.push({ path, action: 'keep' });
        notApplied.push({ path, why: 'the template no longer has it, but you changed it: it stays' });
      }
    } else if (own === undefined && result !== undefined) {
      if (kinds.length > 0 && !isConflict) {
        notApplied.push({ path, why: 'the project no longer has it, but the template changed it' });
      } else if (theirs.get(path)?.equals(result) && isFolderGone(path)) {
        notApplied.push({ path, why: 'it is new in a folder that the project no longer has' });
      } else {
        changes.push(change(report, path, isConflict ? 'conflict' : 'add', newLike(result, there)));
      }
    } else if (result === undefined) {
      changes.push(change(report, path, 'delete'));
    } else if (isConflict && path === 'README.md') {
      report.files.push({ path, action: 'keep' });
      notApplied.push({ path, why: 'you rewrote what the template changed: yours stays' });
    } else {
      const isUntouched = own !== undefined && base.get(path)?.equals(own);
      const action = isConflict ? 'conflict' : isUntouched ? 'update' : 'merge';
      changes.push(change(report, path, action, likeBefore(result, there.get(path))));
    }
  }
  const shown = await differences(notApplied.map(({ path }) => path));
  report.notApplied.push(...notApplied.map((one) => ({ ...one, difference: shown.get(one.path) ?? '' })));
  return changes;
}

function change(report: UpdateReport, path: string, action: UpdateAction, content?: Buffer): Change {
  const lines = action === 'conflict' && content !== undefined ? markerLines(content) : undefined;
  report.files.push({ path, action, ...(lines !== undefined && { lines }) });
  return content === undefined ? { path } : { path, content };
}

function markerLines(content: Buffer): number[] {
  const lines = content.toString().split(/\r?\n/);
  return [...lines.keys()]
    .filter((index) => lines[index] === `<<<<<<< ${ourLabel}`)
    .map((index) => index + 1);
}

/** A file keeps the ends of its lines. */
function likeBefore(content: Buffer, before: Buffer | undefined): Buffer {
  return before !== undefined && hasWindowsEnds(before) ? withWindowsEnds(content) : content;
}

/** A new file gets those of package.json. */
function newLike(content: Buffer, there: Tree): Buffer {
  return likeBefore(content, there.get('package.json'));
}

function packageChanges(base: string, ours: string, theirs: string, report: UpdateReport): Change[] {
  if (ours === '') throw notReady('package.json must be there, and committed');
  try {
    const { text, notes } = mergePackage(base, ours, theirs);
    report.notes.push(...notes);
    if (text === ours) return [];
    return [change(report, 'package.json', base === ours ? 'update' : 'merge', Buffer.from(text))];
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw notReady('package.json must be JSON');
  }
}

function environmentChanges(directory: string, base: string, theirs: string, report: UpdateReport): Change[] {
  let ours: string | undefined;
  try {
    ours = readFileSync(join(directory, environmentFile), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const more = addVariables(ours, base, theirs);
  if (more === undefined) return [];
  report.variables.push(...more.added);
  const added = change(report, environmentFile, ours === undefined ? 'add' : 'merge', Buffer.from(more.text));
  return [{ ...added, mode: 0o600 }];
}

/** @throws {CreateError} project_not_ready, if an untracked file is in the place of a new one */
async function requireFree(
  directory: string,
  changes: readonly Change[],
  { files }: UpdateReport,
): Promise<void> {
  const actions = new Map(files.map(({ path, action }) => [path, action]));
  const written = changes.filter(({ content }) => content !== undefined).map(({ path }) => path);
  const target = await planTarget(directory, written, 'merge'); // and nothing through a link that leaves it
  const inTheWay = target.files.find(({ path, action }) => action === 'keep' && actions.get(path) === 'add');
  if (inTheWay !== undefined)
    throw notReady(
      `${inTheWay.existing} is in the way of a new file and not committed: move or commit it first`,
    );
}
