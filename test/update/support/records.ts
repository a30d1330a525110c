import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Given } from '../../../src/answers/index.ts';

/** What projects of each version record, with the digests of what it rendered. `npm run records` writes it. */
const recordsFolder = join(import.meta.dirname, '../records');

export function versionsWithRecords(): string[] {
  return readdirSync(recordsFolder).map((name) => name.replace(/\.json$/, ''));
}

export function recordsOf(version: string): Given[] {
  return JSON.parse(readFileSync(join(recordsFolder, `${version}.json`), 'utf8'));
}
