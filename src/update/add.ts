import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { outputFileSync } from 'fs-extra/esm';
import { readRecord, recordFile } from '../answers/index.ts';
import { CreateError, cancelled } from '../errors.ts';
import { createRun, failingAs, type Run, remove, runScript } from '../project/index.ts';
import { examples, type Kind, kinds } from './examples.ts';
import { lineEndOf } from './trees.ts';

export interface Added {
  /** The files that were written. */
  files: string[];
  /** The lines to add to src/mcp-server.ts, if it no longer has the known form. */
  toAdd: string[];
  /** Whether the project compiles and the new test passed; false if nothing is installed. */
  tested: boolean;
}

export const mcpServerFile = 'src/mcp-server.ts';

/**
 * Adds a tool, a resource or a prompt to a project: its file, its test and its registration.
 *
 * @throws {CreateError} bad_input, if the name cannot be used; build_failed or verify_failed, with the files written;
 *   cancelled, with the files as they were before
 */
export async function addToProject(
  kind: string,
  name: string,
  { cwd, signal, run = createRun(signal) }: { cwd: string; signal?: AbortSignal; run?: Run },
): Promise<Added> {
  if (!isKind(kind)) throw refuse(`add ${kind} must be add ${kinds.join(', add ')}`);
  // What clients accept: https://modelcontextprotocol.io/community/seps/986-specify-format-for-tool-names allows more.
  if (!/^[A-Za-z][\w-]{0,63}$/.test(name)) {
    throw refuse(
      `add ${kind} ${JSON.stringify(name)} must be followed by a name of at most 64 letters, digits, _ and -, ` +
        'the first of them a letter: clients refuse others',
    );
  }
  const { answers } = await readRecord(join(cwd, recordFile), recordFile);
  const example = examples(kind, name);
  requireFree(cwd, kind, name, [example.file, example.test]);

  const place = join(cwd, mcpServerFile);
  const before = existsSync(place) ? readFileSync(place, 'utf8') : '';
  const after = register(before, example.importLine, example.callLine);
  const end = lineEndOf(before);
  const written = new Map([
    [example.file, example.fileText.replaceAll('\n', end)],
    [example.test, example.testText.replaceAll('\n', end)],
    ...(after === undefined ? [] : [[mcpServerFile, after] as const]),
  ]);
  for (const [path, text] of written) outputFileSync(join(cwd, path), text);
  const files = [...written.keys()];
  if (after === undefined)
    return { files, toAdd: [example.importLine, example.callLine.trim()], tested: false };

  const { packageManager = 'npm' } = answers;
  if (!existsSync(join(cwd, 'node_modules'))) return { files, toAdd: [], tested: false };
  const context = { directory: cwd, packageManager, run };
  try {
    await failingAs('build_failed', () => runScript('build', context));
    await failingAs('verify_failed', () => runScript('test', context));
  } catch (error) {
    if (!signal?.aborted) throw error;
    const isChanged = (path: string) => readFileSync(join(cwd, path), 'utf8') !== written.get(path);
    const changed = files.filter((path) => existsSync(join(cwd, path)) && isChanged(path));
    for (const path of files.filter((one) => !changed.includes(one))) {
      if (path === mcpServerFile) outputFileSync(place, before);
      else await remove(join(cwd, path));
    }
    throw cancelled(error, changed);
  }
  return { files, toAdd: [], tested: true };
}

function isKind(word: string): word is Kind {
  return kinds.some((kind) => kind === word);
}

function requireFree(cwd: string, kind: Kind, name: string, files: string[]): void {
  const taken = files.find((file) => existsSync(join(cwd, file)));
  if (taken !== undefined) throw refuse(`${taken} exists: choose another name than ${name}`);
  const method = { tool: 'registerTool', resource: 'registerResource', prompt: 'registerPrompt' }[kind];
  const registration = new RegExp(`\\b${method}\\(\\s*(['"\`])${name}\\1`);
  const sources = existsSync(join(cwd, 'src'))
    ? readdirSync(join(cwd, 'src'), { recursive: true, encoding: 'utf8' })
    : [];
  const owner = sources.find(
    (path) => path.endsWith('.ts') && registration.test(readFileSync(join(cwd, 'src', path), 'utf8')),
  );
  if (owner !== undefined) throw refuse(`src/${owner} has a ${kind} ${name}: choose another name`);
}

/**
 * Registers an example in the text of src/mcp-server.ts.
 *
 * @returns undefined if the text no longer has the known form: imports, then one `createMcpServer` that ends with
 *   `return server;`
 */
export function register(text: string, importLine: string, callLine: string): string | undefined {
  const end = lineEndOf(text);
  const lines = text.split(end);
  const returns = lines.flatMap((line, index) => (/^ {2}return server;?$/.test(line) ? [index] : []));
  const imports = lines.flatMap((line, index) => (/^import .* from ['"].*['"];?$/.test(line) ? [index] : []));
  const makes = lines.filter((line) => /\bserver = new McpServer\(/.test(line));
  const [atReturn] = returns;
  if (atReturn === undefined || returns.length > 1 || makes.length !== 1 || imports.length === 0)
    return undefined;
  const identifier = callLine.trim().replace(/\(.*/, '');
  // A comment may name it as an example.
  if (new RegExp(`^(?:import .*|\\s*)\\b${identifier}\\b`, 'm').test(text)) return undefined;

  let atCall = atReturn;
  while (atCall > 0 && (lines[atCall - 1] ?? '').trim() === '') atCall--;
  lines.splice(atCall, 0, callLine);
  const sourceOf = (line = '') => /from ['"](.*)['"]/.exec(line)?.[1] ?? '';
  // In the order of the paths, as formatters sort them.
  const before = imports.find((index) => {
    const source = sourceOf(lines[index]);
    return source.startsWith('./') && source > sourceOf(importLine);
  });
  lines.splice(before ?? (imports.at(-1) ?? 0) + 1, 0, importLine);
  return lines.join(end);
}

function refuse(message: string): CreateError {
  return new CreateError('bad_input', message, {});
}
