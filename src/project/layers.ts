import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Answers } from '../answers/index.ts';

/** A folder of the templates: files by their path in it, and partials by their name. */
export interface Layer {
  files: Map<string, Buffer>;
  partials: Map<string, string>;
}

/** The layers that a project consists of. If two layers have the same file, the later one wins. */
export function layersOf({
  auth,
  streamableHttp,
  relay,
  packageManager,
}: Pick<Answers, 'auth' | 'streamableHttp' | 'relay' | 'packageManager'>): string[] {
  return [
    'shared',
    ...(auth === 'none' ? [] : ['credentials']),
    `sse-${auth}`,
    ...(streamableHttp ? ['streamable-http'] : []),
    ...(relay === 'redis' ? ['redis-relay'] : []),
    ...(packageManager === 'yarn' ? ['yarn'] : []),
  ];
}

/** Files of a layer that are not for the project. */
const notOutput = new Set(['node_modules', 'dist', 'tsconfig.layer.json']);

/** Reads synchronously: for so many small files that takes half the time. */
export function readLayer(folder: string): Layer {
  const layer: Layer = { files: new Map(), partials: new Map() };
  for (const path of filesIn(folder, notOutput)) {
    const content = readFileSync(join(folder, path));
    const partial = /^partials\/(.*?)(?:\.md\.hbs)?$/.exec(path)?.[1];
    if (partial === undefined) layer.files.set(path, content);
    else layer.partials.set(partial, content.toString());
  }
  return layer;
}

/**
 * The paths of all files in a folder, with `/` between their parts. It goes from folder to folder: under Yarn's
 * Plug'n'Play the templates are in a zip archive, where the `recursive` option of `readdir` gives wrong parents.
 *
 * @param omitted names of files and folders to leave out
 */
export function filesIn(folder: string, omitted: ReadonlySet<string> = new Set()): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter(({ name }) => !omitted.has(name))
    .flatMap((entry) => {
      if (!entry.isDirectory()) return entry.name;
      return filesIn(join(folder, entry.name), omitted).map((path) => `${entry.name}/${path}`);
    });
}
