import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');

export const authTypes = ['apikey', 'jwt', 'custom', 'none'];

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

/** Packs the command as it is published. @returns the path of the archive */
export function packCommand(directory) {
  mkdirSync(directory, { recursive: true });
  run('npm', ['pack', '--silent', '--pack-destination', directory], root);
  const archive = readdirSync(directory).find((name) => name.endsWith('.tgz'));
  return join(directory, archive);
}

/** Makes a project of each auth type with the packed command, and builds it. @returns their directories by auth type */
export function makeProjects(directory, archive) {
  const command = join(directory, 'command');
  if (!existsSync(command)) {
    run('npm', ['install', '--silent', '--prefix', command, archive], directory);
  }
  return Object.fromEntries(authTypes.map((auth) => [auth, makeProject(directory, command, auth)]));
}

function makeProject(directory, command, auth) {
  const project = join(directory, auth);
  if (existsSync(join(project, 'dist'))) return project;
  const bin = join(command, 'node_modules/.bin/create-mcp-sse');
  run(bin, [auth, '--auth', auth, '--yes', '--package-manager', 'npm', '--no-verify', '--no-git'], directory);
  if (auth === 'custom') writeFileSync(join(project, 'src/auth/custom-auth-provider.ts'), acceptingProvider);
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
