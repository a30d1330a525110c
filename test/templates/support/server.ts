import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterAll } from 'vitest';
import { type Auth, directoryOf, secret } from './projects.js';

/** What a request needs to be let in. */
export const goodHeaders: Record<Auth, Record<string, string>> = {
  apikey: { 'X-API-Key': secret },
  jwt: {}, // Tokens expire: tests sign their own.
  custom: {},
  none: {},
};

export interface RunningServer {
  port: number;
  /** Such as `http://127.0.0.1:41234`. */
  origin: string;
  process: ChildProcess;
  /** What it printed so far. */
  output(): string;
  /** Resolves with the first log line (or the last ones already printed) that has all of these facts. */
  logged(facts: Record<string, unknown>): Promise<Record<string, unknown>>;
  /** Sends a signal and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

type Rights = { uid?: number; gid?: number };

const running = new Set<ChildProcess>();
/** A test that fails does not come to stopping its server. */
afterAll(() => {
  for (const child of running) child.kill('SIGKILL');
});

/**
 * Starts a generated server on a free port.
 *
 * @param settings environment variables
 * @param descriptors how many file descriptors it may have (`ulimit -n`)
 */
export function startServer(
  auth: Auth,
  settings: Record<string, string> = {},
  descriptors?: number,
): Promise<RunningServer> {
  return start(auth, settings, 'dist/main.js', descriptors);
}

/** Starts a generated server that offers the tools of `mcp-server.js` in this folder. */
export function startTestServer(auth: Auth, settings: Record<string, string> = {}): Promise<RunningServer> {
  return start(auth, { RATE_LIMIT: '0', ...settings }, 'dist-with-test-tools/main.js');
}

async function start(
  auth: Auth,
  settings: Record<string, string>,
  entry: string,
  descriptors?: number,
): Promise<RunningServer> {
  // The shell becomes the server, under the same process id.
  const shell = descriptors ? ['bash', '-c', `ulimit -n ${descriptors}; exec "$@"`, 'bash'] : [];
  const command = [...shell, process.execPath, entry];
  const { child, output, lines } = spawnServer(auth, { PORT: '0', ...settings }, command);
  const { logged } = lines;
  const listening = logged({ msg: 'listening' });
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`the server ended with ${code} before it listened:\n${output()}`);
  });
  const { url } = (await Promise.race([listening, ended])) as { url: string };
  ended.catch(() => {}); // From here on its end is expected.
  const { port, origin } = new URL(url);
  return {
    port: Number(port),
    origin,
    process: child,
    output,
    logged,
    async stop(signal = 'SIGTERM') {
      if (child.exitCode === null && child.signalCode === null) {
        const exit = once(child, 'exit');
        child.kill(signal);
        await exit;
      }
      return { code: child.exitCode, signal: child.signalCode };
    },
  };
}

/**
 * Runs a generated server that is expected to refuse its settings; resolves when it has ended.
 *
 * @param rights of another user, where the one who runs the tests has too many
 */
export async function runServer(
  auth: Auth,
  settings: Record<string, string>,
  args: string[] = [],
  rights: Rights = {},
) {
  const { child, output } = spawnServer(auth, settings, [process.execPath, 'dist/main.js', ...args], rights);
  const [code] = await once(child, 'close');
  return { code: code as number | null, output: output() };
}

function spawnServer(
  auth: Auth,
  settings: Record<string, string>,
  [program = '', ...args]: string[],
  rights: Rights = {},
) {
  const child = spawn(program, args, {
    cwd: directoryOf(auth),
    // Sessions end with their streams, so that tests need not wait for them; those that go on have tests of their own.
    env: { PATH: process.env.PATH, RESUME_SECONDS: '0', ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...rights,
  });
  running.add(child);
  child.once('exit', () => running.delete(child));

  let printed = '';
  const seen: Record<string, unknown>[] = [];
  const waiting = new Set<(line: Record<string, unknown>) => void>();
  child.stdout.on('data', (data) => {
    printed += data;
  });
  child.stderr.on('data', (data) => {
    printed += data;
  });
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (!line.startsWith('{')) return;
    const parsed = JSON.parse(line);
    seen.push(parsed);
    for (const notify of waiting) notify(parsed);
  });
  const matches = (line: Record<string, unknown>, facts: Record<string, unknown>) =>
    Object.entries(facts).every(([key, value]) => line[key] === value);
  const lines = {
    logged: (facts: Record<string, unknown>) =>
      new Promise<Record<string, unknown>>((resolve) => {
        const found = seen.find((line) => matches(line, facts));
        if (found) return resolve(found);
        const notify = (line: Record<string, unknown>) => {
          if (!matches(line, facts)) return;
          waiting.delete(notify);
          resolve(line);
        };
        waiting.add(notify);
      }),
  };
  return { child, output: () => printed, lines };
}
