// Compiles the server and its tests, and runs every test/**/*.test.ts, or only those that are named:
//   npm test -- test/echo.test.ts
import { spawnSync } from 'node:child_process';
import { cpSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';

// TypeScript exports its package.json, but not bin/tsc.
const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');

function run(...args) {
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

const named = process.argv.slice(2).filter((argument) => argument !== '--');
const all = readdirSync('test', { recursive: true }).filter((file) => file.endsWith('.test.ts'));
const files = named.length > 0 ? named.map((file) => relative('test', file)) : all;
if (files.length === 0) {
  console.error('There are no tests: test/ has no file whose name ends in .test.ts');
  process.exit(1);
}

run(tsc, '-p', 'tsconfig.build.json');
rmSync('dist-test', { recursive: true, force: true }); // A test that was deleted must not run again.
run(tsc, '-p', 'test/tsconfig.json');
cpSync('package.json', 'dist-test/package.json'); // The server reads its name and version there.
// The default reporter differs from version to version. One that was chosen in NODE_OPTIONS stays.
const reporter = process.env.NODE_OPTIONS?.includes('--test-reporter') ? [] : ['--test-reporter=spec'];
const compiled = files.map((file) => join('dist-test', 'test', file.replace(/\.ts$/, '.js')));
run('--enable-source-maps', '--test', ...reporter, ...compiled);
