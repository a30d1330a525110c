import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { writeTree } from '../fixtures/files.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';
import { type Files, project, rendered } from './support/project.ts';

const otherAnswers = [
  { relay: 'redis' },
  { auth: 'jwt' },
  { auth: 'none', relay: 'redis' },
  { streamableHttp: false, port: 9000 },
  { endpoint: '/events', messageEndpoint: '/inbox', maxMessageSize: '1mb' },
] as const;

/** A line of the owner's, put before line `at` of a file that both renderings have. */
interface Edit {
  path: string;
  at: number;
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

/** Where a line can be put so that an unchanged line is between it and each change, and where it is then. */
function places(base: string, theirs: string): { at: number; now: number }[] {
  const changes = changedLines(base, theirs);
  const last = base.split('\n').length - 1;
  return Array.from({ length: last }, (_, at) => at).flatMap((at) => {
    const isFree = changes.every(({ from, count }) => at < from || at > from + count);
    const moved = changes
      .filter(({ from }) => from < at)
      .reduce((sum, { count, now }) => sum + now - count, 0);
    return isFree ? [{ at, now: at + moved }] : [];
  });
}

function withEdits(files: Files, edits: readonly Edit[], line: (edit: Edit) => string): Files {
  const edited = { ...files };
  for (const edit of [...edits].sort((a, b) => b.at - a.at)) {
    const lines = (edited[edit.path] ?? '').split('\n');
    lines.splice(edit.at, 0, line(edit));
    edited[edit.path] = lines.join('\n');
  }
  return edited;
}

test('lines that are at least one unchanged line away from the template’s survive an update byte for byte', async () => {
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
        const free = changed.flatMap((path) =>
          places(base[path] ?? '', theirs[path] ?? '').map((place) => ({ path, ...place })),
        );
        const chosen = [...new Set(choices.map((choice) => free[choice % free.length]))].filter(
          (one) => one !== undefined,
        );
        const mine = ({ path, at }: Edit) => `\tmine ${path}:${at} é  `;
        const { update, read } = await project({
          owner: (files) => Object.assign(files, withEdits(base, chosen, mine)),
        });
        const { actions } = await update(answers);
        expect(Object.values(actions)).not.toContain('conflict');
        const wanted = { ...theirs };
        for (const path of changed) {
          const edits = chosen
            .filter((edit) => edit.path === path)
            .sort((a, b) => b.now - a.now || b.at - a.at);
          const lines = (wanted[path] ?? '').split('\n');
          for (const edit of edits) lines.splice(edit.now, 0, mine(edit));
          wanted[path] = lines.join('\n');
        }
        for (const path of changed) expect(read(path), path).toBe(wanted[path]);
      },
    ),
    { numRuns: 10 },
  );
}, 240_000);
