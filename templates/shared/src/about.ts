import { readFileSync } from 'node:fs';

const packageJson = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));

/** What this server calls itself, to clients and on its page: the name and version of its package. */
export const name: string = packageJson.name;
export const version: string = packageJson.version;

/** Which version of create-mcp-sse made this project, from the record beside package.json; undefined where that is not. */
export function madeBy(): string | undefined {
  try {
    return JSON.parse(readFileSync(new URL('../create-mcp-sse.json', import.meta.url), 'utf8')).generator;
  } catch {
    return undefined;
  }
}
