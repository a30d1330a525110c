import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Packages and megabytes that running the server takes, without what only its development needs. */
export function measureInstalled({ directory, ours }) {
  if (!existsSync(join(directory, 'package-lock.json'))) return { packages: 0, megabytes: 0 };
  if (!ours) return installedIn(directory); // Peers have no packages for development.
  const copy = mkdtempSync(join(tmpdir(), 'create-mcp-sse-bench-installed-'));
  try {
    for (const name of ['package.json', 'package-lock.json']) cpSync(join(directory, name), join(copy, name));
    execFileSync('npm', ['ci', '--omit=dev', '--prefer-offline', '--silent'], { cwd: copy, stdio: 'ignore' });
    return installedIn(copy);
  } finally {
    rmSync(copy, { recursive: true });
  }
}

/** What npm put into a directory. */
export function installedIn(directory) {
  const modules = join(directory, 'node_modules');
  const { packages } = JSON.parse(readFileSync(join(modules, '.package-lock.json'), 'utf8'));
  return { packages: Object.keys(packages).length, megabytes: bytesIn(modules) / 1e6 };
}

/** What is fetched to run one of the commands that bench/package.json names: the package and all it depends on. */
export function fetchedWith(name) {
  const directory = join(import.meta.dirname, '..');
  const { packages } = JSON.parse(readFileSync(join(directory, 'node_modules/.package-lock.json'), 'utf8'));
  const found = new Set();
  const visit = (path) => {
    if (found.has(path)) return;
    found.add(path);
    const { dependencies = {} } = packages[path];
    for (const dependency of Object.keys(dependencies)) {
      const nested = `${path}/node_modules/${dependency}`;
      visit(nested in packages ? nested : `node_modules/${dependency}`);
    }
  };
  visit(`node_modules/${name}`);
  const bytes = [...found].map((path) => bytesIn(join(directory, path), false));
  return { packages: found.size, megabytes: bytes.reduce((total, size) => total + size, 0) / 1e6 };
}

function bytesIn(path, withNested = true) {
  const stats = lstatSync(path);
  if (!stats.isDirectory()) return stats.size;
  const names = readdirSync(path).filter((name) => withNested || name !== 'node_modules');
  return names.reduce((total, name) => total + bytesIn(join(path, name), withNested), 0);
}
