// Bundles src/ with its libraries into dist/, so that the published package has no dependencies to install.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, sep } from 'node:path';
import { rolldown } from 'rolldown';

process.chdir(join(import.meta.dirname, '..'));
rmSync('dist', { recursive: true, force: true });

// Less to read at each start. Names stay as they are, for the stacks of DEBUG=create-mcp-sse.
const minify = { compress: true, mangle: false, codegen: { removeWhitespace: true } };

const bundle = await rolldown({
  input: { main: 'src/main.ts', index: 'src/index.ts' },
  platform: 'node',
  // Handlebars does without it when it is not there, and compiles faster then.
  external: ['source-map'],
  logLevel: 'warn',
});
const { output } = await bundle.write({ dir: 'dist', format: 'esm', chunkFileNames: '[name].js', minify });
await bundle.close();

writeFileSync('dist/THIRD-PARTY-LICENSES', licences(output.flatMap((chunk) => chunk.moduleIds ?? [])));

const tsc = createRequire(import.meta.url)
  .resolve('typescript/package.json')
  .replace(/package\.json$/, 'bin/tsc');
execFileSync(process.execPath, [tsc, '-p', 'tsconfig.types.json'], { stdio: 'inherit' });

/** The licence texts of all packages of which something is in the bundle, as their licences ask. */
function licences(modules) {
  const folders = new Set(modules.map(packageFolder).filter((folder) => folder !== undefined));
  return [...folders]
    .sort()
    .map(licence)
    .join(`\n${'-'.repeat(80)}\n\n`);
}

function packageFolder(module) {
  return /^.*node_modules[/\\](?:@[^/\\]+[/\\])?[^/\\]+/.exec(module)?.[0].split(sep).join('/');
}

function licence(folder) {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  const text = file === undefined ? '' : `\n${readFileSync(join(folder, file), 'utf8').trim()}\n`;
  return `${name} ${version} (${license})\n${text}`;
}
