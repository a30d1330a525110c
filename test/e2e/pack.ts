import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** The folder in which the packed tarball was installed, as npx would do it. */
    installed: string;
  }
}

/** Packs the package and installs the tarball, once for all tests. Offline: it has no dependencies to fetch. */
export default function pack(project: TestProject) {
  const folder = mkdtempSync(join(tmpdir(), 'create-mcp-sse-packed-'));
  const npm = (args: string[], cwd: string) => execFileSync('npm', args, { cwd, encoding: 'utf8' });
  const [{ filename }] = JSON.parse(
    npm(['pack', '--json', '--pack-destination', folder], project.config.root),
  );
  npm(['init', '--yes'], folder);
  npm(['install', '--offline', '--no-audit', '--no-fund', join(folder, filename)], folder);
  project.provide('installed', folder);
  return () => rmSync(folder, { recursive: true, force: true });
}
