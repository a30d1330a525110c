import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { writeTree } from '../fixtures/files.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';
import { project, rendered } from './support/project.ts';

const otherAnswers = [
  { relay: 'redis' },
  { auth: 'jwt' },
  { auth: 'none', relay: 'redis' },
  { streamableHttp: false, port: 9000 },
  { endpoint: '/events', messageEndpoint: '/inbox', maxMessageSize: '1mb' },
] as const;

/** What the owner does to a file that both renderings have: lines put in, replaced or deleted. */
interface Edit {
  path: string;
  /** The line of the base before which lines are put in, or the first that is replaced. */
  at: number;
  /** How many lines of the base are replaced; 0 if lines are only put in. */
  count: number;
  /** How many lines come in their place; 0 if lines are only deleted. */
  lines: number;
}

/** An edit, and where its first line is after the update. */
interface Place extends Edit {
  now: number;
}

/** Which lines of a file the template changed: from, how many, and how many there are now. */
function changedLines(base: string, theirs: string): { from: number; count: number; now: number }[] {
  const folder = temporaryDirectory();
  writeTree(folder, { base, theirs });
  const options = ['--no-index', '--unified=0', '--histogram', '--no-indent-heuristic', '--no-color'];
  let diff = '';
  try {
    execFileSync('git', ['diff', ...options, 'base', 'theirs'], {
      cwd: folder,
      env: { PATH: process.env.PATH },
    });
  } catch (error) {
    diff = String((error as { stdout: Buffer }).stdout);
  }
  return [...diff.matchAll(/^@@ -(\d+)(?:,(\d+))? \+\d+(?:,(\d+))? @@/gm)].map(
    ([, from, count = '1', now = '1']) => ({
      // A hunk without old lines names the line before it.
      from: count === '0' ? Number(from) : Number(from) - 1,
      count: Number(count),
      now: Number(now),
    }),
  );
}

/** Every edit with an unchanged line between it and each change of the template. */
function places(path: string, base: string, theirs: string): Place[] {
  const changes = changedLines(base, theirs);
  const lines = base.split('\n');
  // Of lines that occur twice, diff may take the one for the other: then it is not this line that was edited.
  const isUnique = (line: string) => lines.indexOf(line) === lines.lastIndexOf(line);
  const kinds = [
    { count: 0, lines: 1 },
    { count: 0, lines: 3 },
    { count: 1, lines: 1 },
    { count: 2, lines: 1 },
    { count: 1, lines: 0 },
    { count: 2, lines: 0 },
  ];
  return [...lines.keys()].flatMap((at) =>
    kinds.flatMap((kind) => {
      const end = at + kind.count;
      const isFree = changes.every(({ from, count }) => end < from || at > from + count);
      if (!isFree || end >= lines.length || !lines.slice(at, end).every(isUnique)) return [];
      const moved = changes
        .filter(({ from }) => from < at)
        .reduce((sum, { count, now }) => sum + now - count, 0);
      return [{ path, at, now: at + moved, ...kind }];
    }),
  );
}

/** Leaves out edits that touch another of the same file. */
function apart(edits: readonly Place[]): Place[] {
  return edits.filter((edit, index) =>
    edits
      .slice(0, index)
      .every(
        (other) =>
          other.path !== edit.path || other.at + other.count < edit.at || edit.at + edit.count < other.at,
      ),
  );
}

const mine = ({ path, at, lines }: Edit) =>
  Array.from({ length: lines }, (_, line) => `\tmine ${path}:${at} ${line} é  `);

/** A text with edits, at the lines that `where` says. */
function withEdits(text: string, edits: readonly Place[], where: 'at' | 'now'): string {
  const lines = text.split('\n');
  for (const edit of [...edits].sort((a, b) => b.at - a.at))
    lines.splice(edit[where], edit.count, ...mine(edit));
  return lines.join('\n');
}

test('edits with an unchanged line between them and those of the template survive an update byte for byte', async () => {
  const base = await rendered();
  const mergedByLine = Object.keys(base).filter(
    (path) => !/^\.env$|^package\.json$|^create-mcp-sse\.json$/.test(path),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...otherAnswers),
      fc.array(fc.nat(), { minLength: 5, maxLength: 30 }),
      async (answers, choices) => {
        const theirs = await rendered(answers);
        const changed = mergedByLine.filter((path) => path in theirs && theirs[path] !== base[path]);
        const possible = changed.flatMap((path) => places(path, base[path] ?? '', theirs[path] ?? ''));
        const edits = apart(choices.flatMap((choice) => possible[choice % possible.length] ?? []));
        const editsOf = (path: string) => edits.filter((edit) => edit.path === path);
        const { update, read } = await project({
          owner(files) {
            for (const path of changed) files[path] = withEdits(files[path] ?? '', editsOf(path), 'at');
          },
        });
        const { actions } = await update(answers);
        expect(Object.values(actions)).not.toContain('conflict');
        for (const path of changed)
          expect(read(path), path).toBe(withEdits(theirs[path] ?? '', editsOf(path), 'now'));
      },
    ),
    { numRuns: 10 },
  );
}, 240_000);
