import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { copy, pathExists } from 'fs-extra/esm';
import type { Given, PackageManager } from '../answers/index.ts';
import { failingAs, type RenderedFiles, type Run, remove, renderRecord } from '../project/index.ts';
import { generatorVersion } from '../version.ts';

/** Fetches a package into a folder of its own. */
const fetchCommands: Record<PackageManager, readonly string[]> = {
  npm: [
    'install',
    '--no-save',
    '--no-audit',
    '--no-fund',
    '--no-workspaces',
    '--no-global',
    '--prefer-offline',
  ],
  pnpm: ['add', '--ignore-workspace'],
  yarn: ['add'],
  bun: ['add'],
};

/** No install script runs, and Yarn puts packages where Node.js finds them. */
const fetchEnvironment = {
  npm_config_ignore_scripts: 'true',
  YARN_ENABLE_SCRIPTS: 'false',
  YARN_NODE_LINKER: 'node-modules',
  YARN_ENABLE_IMMUTABLE_INSTALLS: 'false',
  npm_config_fetch_retries: '1', // by default npm tries for more than a minute
};

/** What the version that made a project rendered from its record. A version other than this one is fetched and run. */
export async function renderAt(
  version: string,
  record: Given,
  { directory, packageManager, run }: { directory: string; packageManager: PackageManager; run: Run },
): Promise<RenderedFiles> {
  if (version === generatorVersion) return renderRecord(record);
  const folder = mkdtempSync(join(tmpdir(), 'create-mcp-sse-'));
  try {
    writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
    writeFileSync(join(folder, 'yarn.lock'), ''); // a project of its own for Yarn 2 and later
    // It may name the registry to fetch from.
    if (await pathExists(join(directory, '.npmrc')))
      await copy(join(directory, '.npmrc'), join(folder, '.npmrc'));
    const wanted = `create-mcp-sse@${version}`;
    const options = { cwd: folder, env: fetchEnvironment };
    await failingAs(
      'unexpected',
      () => run(packageManager, [...fetchCommands[packageManager], wanted], options),
      `${wanted}, which made the project, cannot be fetched`,
    );
    writeFileSync(join(folder, 'record.json'), JSON.stringify(record));
    writeFileSync(join(folder, 'render.mjs'), script);
    const entry = pathToFileURL(join(folder, 'node_modules/create-mcp-sse/dist/index.js')).href;
    await failingAs(
      'unexpected',
      () => run('node', ['render.mjs', entry], options),
      `${wanted} cannot render its files`,
    );
    const files: [string, string][] = JSON.parse(readFileSync(join(folder, 'rendered.json'), 'utf8'));
    return new Map(files.map(([path, content]) => [path, { content: Buffer.from(content, 'base64') }]));
  } finally {
    await remove(folder);
  }
}

const script = `
import { readFileSync, writeFileSync } from 'node:fs';
const { renderRecord } = await import(process.argv[2]);
const files = await renderRecord(JSON.parse(readFileSync('record.json', 'utf8')));
const texts = [...files].map(([path, { content }]) => [path, content.toString('base64')]);
writeFileSync('rendered.json', JSON.stringify(texts));
`;
