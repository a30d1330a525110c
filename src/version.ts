import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The folder of this package: one level up from src/, and from dist/ once bundled. So this file cannot be deeper. */
const root = new URL('../', import.meta.url);

export const generatorVersion: string = JSON.parse(
  readFileSync(new URL('package.json', root), 'utf8'),
).version;

/** What each version changed. */
export const changelogFile: string = fileURLToPath(new URL('CHANGELOG.md', root));

/** The folder with the template layers. */
export const templatesFolder: string = fileURLToPath(new URL('templates', root));
