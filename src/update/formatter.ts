import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { outputFileSync } from 'fs-extra/esm';
import { CommandFailed, type Run, remove } from '../project/index.ts';
import { readFiles, type Tree, withUnixEnds } from './trees.ts';

/** A formatter that a project may have of its own. */
interface Formatter {
  name: string;
  package: string;
  /** The names of its settings files. */
  settings: RegExp;
  /** The ways to run it: each leaves files in another look. */
  commands: readonly (readonly string[])[];
}

const formatters: readonly Formatter[] = [
  {
    name: 'Prettier',
    package: 'prettier',
    settings: /^(?:\.prettierrc|prettier\.config\.)/,
    commands: [['--write', '.']],
  },
  {
    name: 'Biome',
    package: '@biomejs/biome',
    settings: /^\.?biome\.jsonc?$/,
    commands: [
      ['format', '--write', '.'],
      ['check', '--write', '.'],
    ],
  },
];

/** Files that say how to format, or which files. */
const settingsFiles =
  /^(?:\.prettier.*|prettier\.config\..*|\.?biome\.jsonc?|\.editorconfig|\.gitignore|package\.json)$/;

export interface Sides {
  base: Tree;
  theirs: Tree;
}

/**
 * What was rendered, in the look in which the project has it: a file that the project's own formatter has been through is
 * formatted by it, so that only what its owner wrote differs.
 *
 * @returns also sentences about what could not be done
 */
export async function formattedLike(
  ours: Tree,
  sides: Sides,
  { directory, run }: { directory: string; run: Run },
): Promise<Sides & { notes: string[] }> {
  const looks = [sides];
  const notes: string[] = [];
  const folders = foldersAbove(directory);
  for (const { name, package: packageName, commands } of formatters.filter((one) => isUsed(one, folders))) {
    const program = programOf(packageName, directory);
    if (program === undefined) {
      notes.push(`${name} is not installed here, so files that it has formatted may conflict`);
      continue;
    }
    for (const command of commands) {
      const format = (tree: Tree) => formatted(tree, [program, ...command], { directory, folders, run });
      looks.push({ base: await format(sides.base), theirs: await format(sides.theirs) });
    }
  }
  return { ...(looks.length === 1 ? sides : mostLike(ours, looks)), notes };
}

/** The folders from the root of the repository down to the project's. */
function foldersAbove(directory: string): string[] {
  const isTop = existsSync(join(directory, '.git')) || dirname(directory) === directory;
  return [...(isTop ? [] : foldersAbove(dirname(directory))), directory];
}

function isUsed({ package: name, settings }: Formatter, folders: readonly string[]): boolean {
  return folders.some((folder) => {
    if (readdirSync(folder).some((file) => settings.test(file))) return true;
    const file = join(folder, 'package.json');
    const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
    return text.includes(`"${name}"`); // a dependency, or settings
  });
}

/** The program of an installed package. */
function programOf(name: string, directory: string): string | undefined {
  const folder = join(directory, 'node_modules', name);
  if (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(directory);
    return parent === directory ? undefined : programOf(name, parent);
  }
  const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const [file = ''] = typeof bin === 'string' ? [bin] : Object.values<string>(bin);
  return join(folder, file);
}

/**
 * Formats files in a copy of the project's surroundings: its settings files and those of the folders above it, each with
 * the packages that they may name.
 */
async function formatted(
  tree: Tree,
  command: readonly string[],
  { directory, folders, run }: { directory: string; folders: readonly string[]; run: Run },
): Promise<Tree> {
  const copy = mkdtempSync(join(tmpdir(), 'create-mcp-sse-'));
  try {
    const [top = directory] = folders;
    const place = (folder: string) => join(copy, relative(top, folder));
    const project = place(directory);
    for (const [path, content] of tree) outputFileSync(join(project, path), content);
    for (const folder of folders) {
      mkdirSync(place(folder), { recursive: true });
      for (const name of readdirSync(folder).filter((one) => settingsFiles.test(one)))
        copyFileSync(join(folder, name), join(place(folder), name));
      const packages = join(folder, 'node_modules');
      if (existsSync(packages)) symlinkSync(packages, join(place(folder), 'node_modules'), 'junction');
    }
    await run('node', command, { cwd: project }).catch((error) => {
      // It also fails for a file that it does not understand, after it has formatted the others.
      if (!(error instanceof CommandFailed)) throw error;
    });
    const look = readFiles(project, tree.keys());
    return new Map(
      [...tree].map(([path, content]) => {
        const isSettings = settingsFiles.test(path);
        return [path, isSettings ? content : withUnixEnds(look.get(path) ?? content)];
      }),
    );
  } finally {
    await remove(copy);
  }
}

/** Of each file the look that has most lines in common with the project's; of a new file that of most others. */
function mostLike(ours: Tree, looks: readonly Sides[]): Sides {
  const [plain = { base: new Map(), theirs: new Map() }] = looks;
  const votes = looks.map(() => 0);
  const chosen = new Map<string, number>();
  for (const [path, content] of plain.base) {
    const own = ours.get(path);
    if (own === undefined || looks.every(({ base }) => base.get(path)?.equals(content))) continue;
    const best = indexOfMax(looks.map(({ base }) => linesInCommon(base.get(path), own)));
    chosen.set(path, best);
    votes[best] = (votes[best] ?? 0) + 1;
  }
  const usual = indexOfMax(votes);
  const pick = (side: keyof Sides): Tree =>
    new Map(
      [...plain[side]].map(([path, content]) => {
        const look = looks[chosen.get(path) ?? usual];
        return [path, look?.[side].get(path) ?? content];
      }),
    );
  return { base: pick('base'), theirs: pick('theirs') };
}

/** The first one, if several are the largest. */
function indexOfMax(numbers: readonly number[]): number {
  return numbers.indexOf(Math.max(...numbers));
}

/** From 0 to 1. */
function linesInCommon(one: Buffer | undefined, other: Buffer): number {
  const [lines, others] = [`${one}`, `${other}`].map((text) => text.split('\n')) as [string[], string[]];
  const left = new Map<string, number>();
  for (const line of others) left.set(line, (left.get(line) ?? 0) + 1);
  let count = 0;
  for (const line of lines) {
    const rest = left.get(line) ?? 0;
    if (rest === 0) continue;
    left.set(line, rest - 1);
    count++;
  }
  return (2 * count) / (lines.length + others.length);
}
