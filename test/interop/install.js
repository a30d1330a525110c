// Installs the clients where only these tests find them, unless they are there: they are no dependencies of the project.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const cwd = import.meta.dirname;
const versions = readFileSync(join(cwd, 'package-lock.json'), 'utf8');
const marker = join(cwd, 'node_modules/.installed.json');

if (!existsSync(marker) || readFileSync(marker, 'utf8') !== versions) {
  execFileSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd, stdio: 'inherit' });
  writeFileSync(marker, versions);
}
