// Reads .env before any other module is loaded: what they find in process.env at module level is then complete. A
// variable that is set already stays as it is.
import { existsSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { readTextFile } from './settings/text-file.ts';

const file = new URL('../.env', import.meta.url);
try {
  // Node's parser would take an indented comment for a part of the next name.
  const text = existsSync(file) ? readTextFile('.env', file).replace(/^[ \t]+#.*$/gm, '') : '';
  for (const [name, value] of Object.entries(parseEnv(text))) process.env[name] ??= value;
} catch (error) {
  console.error((error as Error).message);
  process.exit(1);
}
