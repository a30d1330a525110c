import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { stringify } from 'yaml';
import { cleanEnvironment } from '../../../src/project/environment.ts';
import { freePort, listening, startProgram } from '../../support/programs.ts';
import { configure } from './managers.ts';
import { release } from './release.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The address of a registry on this machine, to which the package is released. */
    registry: string;
    /** What was released. */
    release: { version: string; notes: string; output: string };
  }
}

const verdaccio = join(import.meta.dirname, '../node_modules/verdaccio/bin/verdaccio');

/** The version before this one, as the registry has it. */
export const earlierVersion = '0.0.9';

/** Makes an earlier version: without a fix, a setting and a dependency, with a file under its old name, and a dropped one. */
function makeEarlier(tarball: string, folder: string): string {
  const at = (path: string) => join(folder, 'package', path);
  execFileSync('tar', ['-xzf', tarball, '-C', folder]);
  const packageJson = JSON.parse(readFileSync(at('package.json'), 'utf8'));
  writeFileSync(at('package.json'), JSON.stringify({ ...packageJson, version: earlierVersion }));
  const edit = (path: string, change: (text: string) => string) => {
    const file = at(`templates/${path}`);
    const text = readFileSync(file, 'utf8');
    if (change(text) === text) throw new Error(`${path} no longer has what an earlier version lacks`);
    writeFileSync(file, change(text));
  };
  edit('shared/src/http/guards.ts', (text) => `${text}\n// Not fixed yet.\n`);
  edit('shared/src/settings/server.ts', (text) => text.replace(/ {4}maxMessageValues: .*?\n {4}\),\n/s, ''));
  edit('shared/package.json', (text) => text.replace(/ {4}"@types\/node": .*\n/, ''));
  for (const path of ['shared/src/pages/pages.ts', 'credentials/src/auth/resource-metadata.ts'])
    edit(path, (text) => text.replace('/send.ts', '/send-once.ts'));
  renameSync(at('templates/shared/src/http/send.ts'), at('templates/shared/src/http/send-once.ts'));
  writeFileSync(at('templates/shared/src/dropped.ts'), 'export {};\n');
  return at('');
}

/** Starts the registry, and releases this package to it. What else an install needs it fetches from the user's own. */
export default async function start(project: TestProject) {
  const folder = mkdtempSync(join(tmpdir(), 'create-mcp-sse-registry-'));
  const upstream = execFileSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' }).trim();
  const config = join(folder, 'config.yaml');
  writeFileSync(
    config,
    stringify({
      storage: join(folder, 'storage'),
      auth: { htpasswd: { file: join(folder, 'htpasswd') } },
      uplinks: { upstream: { url: upstream } },
      packages: {
        'create-mcp-sse': { access: '$all', publish: '$all' },
        '**': { access: '$all', proxy: 'upstream' },
      },
      log: { type: 'stdout', format: 'pretty', level: 'warn' },
    }),
  );
  const address = `127.0.0.1:${await freePort()}`;
  const registry = `http://${address}/`;
  const program = startProgram(
    'node',
    () => [verdaccio, '--config', config, '--listen', address],
    process.env,
  );
  await listening(program, () => fetch(`${registry}-/ping`));

  configure(folder, registry, { package: '', program: 'npm' });
  const env = { ...cleanEnvironment(process.env), npm_config_userconfig: join(folder, '.npmrc') };
  const npm = (...args: string[]) => execFileSync('npm', args, { cwd: folder, encoding: 'utf8', env });
  mkdirSync(join(folder, 'checkout'));
  const released = release(project.config.root, join(folder, 'checkout'), env);
  const [{ filename }] = JSON.parse(npm('pack', '--json', `create-mcp-sse@${released.version}`));
  npm(
    'publish',
    makeEarlier(join(folder, filename), folder),
    '--silent',
    '--ignore-scripts',
    '--tag',
    'earlier',
  );
  project.provide('registry', registry);
  project.provide('release', released);
  return async () => {
    await program.stop();
    rmSync(folder, { recursive: true, force: true });
  };
}
