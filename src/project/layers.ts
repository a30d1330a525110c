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
}: Pick<Answers, 'auth' | 'streamableHttp' | 'relay'>): string[] {
  return [
    'shared',
    ...(auth === 'none' ? [] : ['credentials']),
    `sse-${auth}`,
    ...(streamableHttp ? ['streamable-http'] : []),
    ...(relay === 'redis' ? ['redis-relay'] : []),
  ];
}

/** Files of a layer that are not for the project. */
const notOutput = new Set(['node_modules', 'dist', 'tsconfig.layer.json']);

/** Reads synchronously: for so many small files that takes half the time. */
export function readLayer(folder: string): Layer {
  const layer: Layer = { files: new Map(), partials: new Map() };
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    const segments = file.slice(folder.length + 1).split(/[/\\]/);
    if (segments.some((segment) => notOutput.has(segment))) continue;
    const content = readFileSync(file);
    if (segments[0] !== 'partials') layer.files.set(segments.join('/'), content);
    else
      layer.partials.set(
        segments
          .slice(1)
          .join('/')
          .replace(/\.md\.hbs$/, ''),
        content.toString(),
      );
  }
  return layer;
}
