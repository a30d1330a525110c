import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { inject } from 'vitest';
import { freePort } from '../../support/programs.js';

/** A shell that keeps the socket, and starts the server again whenever it ends: what systemd does with two units. */
const keepStarting = `
while true; do
  bash -c 'echo "process $$"; LISTEN_PID=$$ exec node dist/main.js'
done`;

/** A server on a socket that outlives it. */
export interface HeldServer {
  origin: string;
  port: number;
  /** Sends a signal to the process that serves now; resolves when the next one listens. */
  restart(signal: NodeJS.Signals): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a project's server on a socket that Debian's systemd-socket-activate opened and hands on. */
export async function startOnHeldSocket(
  project: string,
  settings: Record<string, string>,
): Promise<HeldServer> {
  const port = await freePort();
  const address = `127.0.0.1:${port}`;
  const set = Object.entries({ LOG_FORMAT: 'json', ...settings }).map(
    ([name, value]) => `-E${name}=${value}`,
  );
  const holder = spawn('systemd-socket-activate', ['-l', address, ...set, 'bash', '-c', keepStarting], {
    cwd: resolve(inject('projects'), project),
    env: { PATH: process.env.PATH },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const kill = (pid: number | undefined) => {
    try {
      if (pid !== undefined) process.kill(pid, 'SIGKILL');
    } catch {} // It has ended.
  };
  let server: number | undefined;
  const stopAll = () => {
    kill(holder.pid);
    kill(server);
  };
  process.once('exit', stopAll);

  let listens = () => {};
  const nextListens = () => new Promise<void>((resolve) => (listens = resolve));
  createInterface({ input: holder.stdout }).on('line', (line) => {
    if (line.startsWith('process ')) server = Number(line.slice(8));
    else if (line.startsWith('{') && JSON.parse(line).msg === 'listening') listens();
  });

  const listening = nextListens();
  // It waits for the first request before it starts anything, and so does this request for the server.
  while (!(await fetch(`http://${address}/health`).catch(() => undefined)))
    await new Promise((resolve) => setTimeout(resolve, 20));
  await listening;
  return {
    origin: `http://${address}`,
    port,
    async restart(signal) {
      const next = nextListens();
      process.kill(server as number, signal);
      await next;
    },
    async stop() {
      const ended = once(holder, 'exit');
      stopAll();
      await ended;
      process.off('exit', stopAll);
    },
  };
}
