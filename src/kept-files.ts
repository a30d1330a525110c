import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { allQuestions } from './questions.js';
import { recordFile } from './record.js';
import type { RenderedFiles } from './render.js';
import { environmentFile, type Plan } from './target.js';

/** What remains to be done by hand, since files that were there already have been kept. */
export interface KeptFiles {
  /** What the template's package.json has and the kept one has not, or has otherwise. */
  packageJson?: Record<string, unknown>;
  /** Sentences. */
  notes: string[];
}

/** What comes of what these do not name. */
const ignoreFiles = {
  '.gitignore': 'git would take in what they name',
  '.dockerignore': 'the image would have what they name',
};

/** Compares what was kept with what would have been written. */
export async function compareKept({ directory, files }: Plan, rendered: RenderedFiles): Promise<KeptFiles> {
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
      ignoreNotes.push(`Your ${path} was kept, and lacks the lines ${missing.join(', ')}: ${consequence}.`);
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

/** The parts of package.json that the project does not run without. */
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
    `Your ${recordFile} was kept, and has other answers: ${differing.join(', ')}. ` +
      `The files made now do not fit those made from it; --config ${recordFile} makes fitting ones.`,
  ];
}

function environmentNotes(kept: string, rendered: string): string[] {
  const has = variables(kept);
  const missing = variables(rendered).filter((name) => !has.includes(name));
  const lacks = missing.length === 0 ? '' : `, and lacks ${missing.join(', ')}: the server needs it`;
  return [`Your ${environmentFile} was kept, since its secrets are nowhere else${lacks}.`];
}

/** The template's lines that the kept file has not, comments aside. Slashes at the ends of a line do not count. */
function missingLines(kept: string, rendered: string): string[] {
  const lines = (text: string) => text.split('\n').map((line) => line.trim());
  const bare = (line: string) => line.replace(/^\/|\/$/g, '');
  const has = new Set(lines(kept).map(bare));
  return lines(rendered).filter((line) => line !== '' && !line.startsWith('#') && !has.has(bare(line)));
}

function variables(text: string): string[] {
  return [...text.matchAll(/^\s*(?:export\s+)?(\w+)\s*=/gm)].map(([, name = '']) => name);
}

function parseJson(text: string): Record<string, unknown> {
  try {
    return asObject(JSON.parse(text));
  } catch {
    return {}; // a file of the user's may hold anything
  }
}

function asObject(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
