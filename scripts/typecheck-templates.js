// Type-checks the templates where they stand: layers and rendered files are one tree for the compiler (rootDirs), so
// that an error names the file to be mended. Needs dist/, for `render`.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { completeAnswers, layersOf, render, templatesFolder } from '../dist/index.js';

const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');
const output = join(import.meta.dirname, '../.rendered/typecheck');
rmSync(output, { recursive: true, force: true });

let failed = false;
const variants = {
  '': { streamableHttp: true },
  '-sse-only': { streamableHttp: false },
  '-with-relay': { streamableHttp: true, relay: 'redis' },
};
for (const auth of ['jwt', 'apikey', 'custom', 'none']) {
  for (const [suffix, variant] of Object.entries(variants)) {
    const name = auth + suffix;
    const checked = await typecheck(join(output, name), { auth, ...variant });
    console.log(`${checked === undefined ? 'failed' : `${checked} files of the templates compile`}: ${name}`);
    failed ||= checked === undefined;
  }
}
process.exitCode = failed ? 1 : 0;

/** @returns how many files were checked, or undefined when one does not compile */
async function typecheck(folder, given) {
  const context = { cwd: '/', packageManager: 'npm' };
  const answers = completeAnswers({ directory: 'typecheck', ...given }, context);
  const files = await render(answers, { secret: '', templates: templatesFolder });
  const layers = layersOf(answers).map((layer) => join(templatesFolder, layer));

  const sources = [];
  for (const [path, { content }] of files) {
    if (!/^(src|test)\/.*\.ts$/.test(path)) continue;
    // If several layers have the same file, the last one wins.
    const plain = layers.map((layer) => join(layer, path)).findLast((file) => existsSync(file));
    sources.push(plain ?? write(join(folder, path), content));
  }
  if (sources.length === 0) throw new Error(`nothing to check in ${layers.join(', ')}`);

  const config = {
    extends: join(layers[0], 'tsconfig.json'),
    compilerOptions: { rootDirs: [folder, ...layers] },
    include: [],
    files: sources.map((source) => relative(folder, source)),
  };
  write(join(folder, 'tsconfig.json'), JSON.stringify(config, null, 2));
  try {
    execFileSync(process.execPath, [tsc, '-p', folder], { stdio: 'inherit' });
    return sources.length;
  } catch {
    return undefined; // the compiler has said why
  }
}

function write(file, content) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  return file;
}
