import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { SignJWT } from 'jose';
import { inject } from 'vitest';
import { freePort } from '../../support/programs.js';
import { type Auth, secret } from './projects.js';

export interface RunningServer {
  port: number;
  /** Such as `http://127.0.0.1:41234`. */
  origin: string;
  signal(signal: NodeJS.Signals): void;
  /** Sends a signal and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /** The lines it logged so far. */
  log: Record<string, unknown>[];
}

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Starts a project's server, on a free port unless PORT says another. Settings are environment variables. */
export async function startServer(
  project: string,
  settings: Record<string, string> = {},
): Promise<RunningServer> {
  const child = spawn(process.execPath, ['dist/main.js'], {
    cwd: resolve(inject('projects'), project),
    env: { PATH: process.env.PATH, PORT: '0', LOG_FORMAT: 'json', ...settings },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  running.add(child);
  const ended = once(child, 'exit');
  ended.then(() => running.delete(child));

  const log: Record<string, unknown>[] = [];
  const url = await new Promise<URL>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (!line.startsWith('{')) return;
      const entry = JSON.parse(line);
      log.push(entry);
      if (entry.msg === 'listening') resolve(new URL(entry.url));
    });
    ended.then(([code]) => reject(new Error(`the server ended with ${code} before it listened`)));
  });
  return {
    port: Number(url.port),
    origin: url.origin,
    log,
    signal: (signal) => void child.kill(signal),
    async stop(signal = 'SIGTERM') {
      child.kill(signal);
      await ended;
      return { code: child.exitCode, signal: child.signalCode };
    },
  };
}

/** Starts a server that takes the tokens of an authorization server, for its endpoints by their URLs. */
export async function startServerOf(
  { issuer }: { issuer: string },
  settings: Record<string, string> = {},
): Promise<RunningServer> {
  const port = settings.PORT ?? String(await freePort());
  const origin = `http://127.0.0.1:${port}`;
  return startServer('jwt', {
    PORT: port,
    JWT_JWKS_URL: `${issuer}/jwks`,
    JWT_ISSUER: issuer,
    JWT_AUDIENCE: `${origin}/sse,${origin}/mcp`,
    JWT_SCOPES: 'write',
    ...settings,
  });
}

/** Headers that a project's server lets in. */
export async function credential(auth: Auth): Promise<Record<string, string>> {
  const headers: Record<Auth, Record<string, string>> = {
    apikey: { 'X-API-Key': secret },
    jwt: { Authorization: `Bearer ${await token()}` },
    custom: { 'X-Badge': 'staff-7' },
    none: {},
  };
  return headers[auth];
}

function token(): Promise<string> {
  return new SignJWT()
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject('alice')
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(secret));
}
