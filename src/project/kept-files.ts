import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { allQuestions, recordFile } from '../answers/index.ts';
import { environmentFile, variablesIn } from './environment-file.ts';
import type { RenderedFiles } from './render.ts';
import type { Target } from './target.ts';

/** What the user must do by hand because existing files are kept. */
export interface KeptFiles {
  /** The entries of the template's package.json that the kept one lacks or has with other values. */
  packageJson?: Record<string, unknown>;
  /** Sentences. */
  notes: string[];
}

/** What happens to the files that a kept one of these does not list. */
const ignoreFiles = {
  '.gitignore': 'git tracks those files',
  '.dockerignore': 'the image contains those files',
};

/** Compares the files that are kept with those that would have replaced them. */
export async function compareKept({ directory, files }: Target, rendered: RenderedFiles): Promise<KeptFiles> {
  const keptText = async (path: string) => {
    const file = files.find((one) => one.path === path && one.action === 'keep');
    return file && (await readFile(join(directory, file.existing ?? path), 'utf8').catch(() => ''));
  };
  const renderedText = (path: string) => rendered.get(path)?.content.toString() ?? '';

  const packageText = await keptText('package.json');
  const recordText = await keptText(recordFile);
  const environment = await keptText(environmentFile);
  const ignoreNotes: string[] = [];
  for (const [path, consequence] of Object.entries(ignoreFiles)) {
    const kept = await keptText(path);
    const missing = kept === undefined ? [] : missingLines(kept, renderedText(path));
    if (missing.length > 0)
      ignoreNotes.push(`Your ${path} was kept. Add to it, or ${consequence}: ${missing.join(', ')}`);
  }
  const packageJson =
    packageText === undefined ? {} : lacking(parseJson(renderedText('package.json')), parseJson(packageText));
  return {
    ...(Object.keys(packageJson).length > 0 && { packageJson }),
    notes: [
      ...(recordText === undefined ? [] : recordNotes(recordText, renderedText(recordFile))),
      ...(environment === undefined ? [] : environmentNotes(environment, renderedText(environmentFile))),
      ...ignoreNotes,
    ],
  };
}

/** The entries of package.json that the project needs to run. */
function lacking(template: Record<string, unknown>, kept: Record<string, unknown>): Record<string, unknown> {
  const needed: Record<string, unknown> = kept.type === template.type ? {} : { type: template.type };
  for (const part of ['scripts', 'dependencies', 'devDependencies']) {
    const has = asObject(kept[part]);
    const entries = Object.entries(asObject(template[part])).filter(([name, value]) => has[name] !== value);
    if (entries.length > 0) needed[part] = Object.fromEntries(entries);
  }
  return needed;
}

function recordNotes(kept: string, rendered: string): string[] {
  const [old, now] = [parseJson(kept), parseJson(rendered)];
  const differing = allQuestions
    .filter(({ key }) => JSON.stringify(old[key]) !== JSON.stringify(now[key]))
    .map(({ title, key }) => `${title} ${old[key] ?? 'none'} instead of ${now[key] ?? 'none'}`);
  if (differing.length === 0) return [];
  return [
    `Your ${recordFile} was kept, but it has other answers: ${differing.join(', ')}. ` +
      `The new files do not match it; to create files that do, use --config ${recordFile}.`,
  ];
}

function environmentNotes(kept: string, rendered: string): string[] {
  const has = variablesIn(kept);
  const missing = variablesIn(rendered).filter((name) => !has.includes(name));
  const toAdd = missing.length === 0 ? '' : ` Add ${missing.join(', ')} to it: the server needs it.`;
  return [`Your ${environmentFile} was kept, because its secrets are stored nowhere else.${toAdd}`];
}

/** The template's lines, except comments, that the kept file lacks. A slash at either end of a line makes no difference. */
function missingLines(kept: string, rendered: string): string[] {
  const lines = (text: string) => text.split('\n').map((line) => line.trim());
  const bare = (line: string) => line.replace(/^\/|\/$/g, '');
  const has = new Set(lines(kept).map(bare));
  return lines(rendered).filter((line) => line !== '' && !line.startsWith('#') && !has.has(bare(line)));
}

function parseJson(text: string): Record<string, unknown> {
  try {
    return asObject(JSON.parse(text));
  } catch {
    return {}; // the user's file may hold anything
  }
}

function asObject(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
