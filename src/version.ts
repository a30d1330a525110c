import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The generator's own package: one folder up from src/ as well as from dist/. */
const root = new URL('../', import.meta.url);

export const generatorVersion: string = JSON.parse(
  readFileSync(new URL('package.json', root), 'utf8'),
).version;

/** The folder that holds the template layers. */
export const templatesFolder: string = fileURLToPath(new URL('templates', root));
