// Installs programs where only some tests find them, unless they are there: they are no dependencies of the project.
//
//   node test/support/install.js <folder with a package.json, of exact versions, or a package-lock.json>
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const cwd = resolve(process.argv[2]);
const lock = join(cwd, 'package-lock.json');
const versions = readFileSync(existsSync(lock) ? lock : join(cwd, 'package.json'), 'utf8');
const marker = join(cwd, 'node_modules/.installed.json');

if (!existsSync(marker) || readFileSync(marker, 'utf8') !== versions) {
  const install = existsSync(lock) ? ['ci'] : ['install', '--no-package-lock'];
  execFileSync('npm', [...install, '--no-audit', '--no-fund'], { cwd, stdio: 'inherit' });
  writeFileSync(marker, versions);
}
