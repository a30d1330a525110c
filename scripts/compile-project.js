import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

// TypeScript lets nobody import bin/tsc, only its package.json.
const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');

/**
 * Writes rendered files and compiles them. Nothing is installed: the directory is inside this repository, and the project
 * finds the repository's dependencies.
 */
export function compileProject(directory, files, outDir = 'dist') {
  rmSync(directory, { recursive: true, force: true });
  for (const [path, { content }] of files) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), content);
  }
  const compile = [tsc, '-p', 'tsconfig.build.json', '--outDir', outDir];
  execFileSync(process.execPath, compile, { cwd: directory, stdio: 'inherit' });
}
