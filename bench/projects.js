import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');

/** The provider that a user of `--auth custom` would write: here whoever sends a token is let in under its name. */
const acceptingProvider = `import type { IncomingMessage } from 'node:http';
import type { AuthProvider, AuthResult } from './auth-provider.ts';

export class CustomAuthProvider implements AuthProvider {
  async authenticate({ headers }: IncomingMessage): Promise<boolean | AuthResult> {
    const name = headers.authorization?.slice('Bearer '.length);
    return name !== undefined && { callerId: name, data: { sub: name } };
  }
}
`;

/** The projects that are made: the auth type of each, and what its owner changes. */
const projects = {
  apikey: { auth: 'apikey' },
  jwt: { auth: 'jwt' },
  custom: {
    auth: 'custom',
    change: (project) => writeFileSync(join(project, 'src/auth/custom-auth-provider.ts'), acceptingProvider),
  },
  none: { auth: 'none' },
  // Its calls can be interrupted. Peers have the same by peers/slowly.js.
  slow: { auth: 'apikey', change: slowDown },
};

function slowDown(project) {
  const file = join(project, 'src/tools/echo.ts');
  const source = readFileSync(file, 'utf8');
  const slow = source.replace(
    'function echo({ text }: { text: string }): CallToolResult {',
    `async function echo({ text }: { text: string }): Promise<CallToolResult> {
  await new Promise((resolve) => setTimeout(resolve, Number(process.env.SLOW_ECHO_MS)));`,
  );
  if (slow === source) throw new Error(`${file} has changed`);
  writeFileSync(file, slow);
}

/** Packs the command as it is published. @returns the path of the archive */
export function packCommand(directory) {
  mkdirSync(directory, { recursive: true });
  run('npm', ['pack', '--silent', '--pack-destination', directory], root);
  const archive = readdirSync(directory).find((name) => name.endsWith('.tgz'));
  return join(directory, archive);
}

/** Makes the projects with the packed command, and builds them. @returns their directories by name */
export function makeProjects(directory, archive) {
  const command = join(directory, 'command');
  if (!existsSync(command)) {
    run('npm', ['install', '--silent', '--prefix', command, archive], directory);
  }
  return Object.fromEntries(
    Object.keys(projects).map((name) => [name, makeProject(directory, command, name)]),
  );
}

function makeProject(directory, command, name) {
  const { auth, change } = projects[name];
  const project = join(directory, name);
  if (existsSync(join(project, 'dist'))) return project;
  const bin = join(command, 'node_modules/.bin/create-mcp-sse');
  run(bin, [name, '--auth', auth, '--yes', '--package-manager', 'npm', '--no-verify', '--no-git'], directory);
  change?.(project);
  run('npm', ['run', '--silent', 'build'], project);
  return project;
}

/** @throws with all it printed, when it fails */
function run(program, args, cwd) {
  const { status, output } = spawnSync(program, args, {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} failed:\n${output?.join('')}`);
}
