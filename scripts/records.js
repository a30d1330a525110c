// Writes what projects of a version record, with the digests of what it renders from that. Needs dist/.
//   node scripts/records.js 1.0.0           writes test/update/records/1.0.0.json
//   node scripts/records.js 1.0.0 --check   fails if that is not what this version renders
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { renderRecord } from '../dist/index.js';

/** Answers that together use every layer. */
const projects = [
  { name: 'my-server', auth: 'apikey' },
  {
    name: '@me/my-server',
    auth: 'jwt',
    port: 9000,
    endpoint: '/events',
    relay: 'redis',
    packageManager: 'pnpm',
  },
  { name: 'my-server', auth: 'custom', protect: ['sse'], streamableHttp: false, packageManager: 'yarn' },
  { name: 'my-server', auth: 'none', host: 'localhost', maxMessageSize: '1mb', packageManager: 'bun' },
];

/** The text of the file of a version. */
export async function recordsOf(version) {
  const rendered = await Promise.all(projects.map(renderRecord));
  const records = rendered.map((files) => ({
    ...JSON.parse(files.get('create-mcp-sse.json').content.toString()),
    generator: `create-mcp-sse@${version}`,
  }));
  return `${JSON.stringify(records, null, 2)}\n`;
}

async function main([version = '', option]) {
  if (!/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
    throw new Error(`the version ${version} must be like 1.0.0`);
  const file = join(import.meta.dirname, `../test/update/records/${version}.json`);
  const text = await recordsOf(version);
  if (option !== '--check') writeFileSync(file, text);
  else if (!existsSync(file) || readFileSync(file, 'utf8') !== text)
    throw new Error(`${file} must be what this version renders: run npm run records -- ${version}`);
}

if (process.argv[1] === import.meta.filename) await main(process.argv.slice(2));
