import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, inject, onTestFinished, test } from 'vitest';
import { freePort, missing } from '../support/programs.js';
import { type ClientUnderTest, type Connection, clients } from './support/clients.js';
import { documentedSettings, startCaddy, startNginx } from './support/proxies.js';
import { credential, startServer } from './support/server.js';
import { startOnHeldSocket } from './support/socket-holder.js';

// One process stops in the middle of calls and starts again, behind what the README documents for that. Clients are
// never told anything but 200: after one other answer they would give up for good.

const headers = await credential('apikey');
const settings = { SHUTDOWN_SECONDS: '2' };

/** Seconds within which every client must be back: they wait 3 s before they connect again. */
const patience = 10;

interface Front {
  url: string;
  /** Stops the process with SIGTERM and starts the next. */
  restart(): Promise<void>;
}

async function onSocket(): Promise<Front> {
  const server = await startOnHeldSocket('apikey', settings);
  onTestFinished(() => server.stop());
  return { url: server.origin, restart: () => server.restart('SIGTERM') };
}

async function onSocketBehindNginx(): Promise<Front> {
  const server = await startOnHeldSocket('apikey', { ...settings, ...documentedSettings() });
  const proxy = await startNginx(server.port);
  onTestFinished(async () => {
    await proxy.stop();
    await server.stop();
  });
  return { url: proxy.url, restart: () => server.restart('SIGTERM') };
}

async function behindCaddy(): Promise<Front> {
  const behind = { ...settings, ...documentedSettings() };
  let server = await startServer('apikey', behind);
  const proxy = await startCaddy(server.port);
  onTestFinished(async () => {
    await proxy.stop();
    await server.stop();
  });
  return {
    url: proxy.url,
    async restart() {
      await server.stop();
      // Long enough for every client to ask while nothing listens.
      await new Promise((resolve) => setTimeout(resolve, 4000));
      server = await startServer('apikey', { ...behind, PORT: String(server.port) });
    },
  };
}

const fronts = [
  { name: 'on a socket of systemd', start: onSocket, needs: ['systemd-socket-activate'] },
  {
    name: 'on a socket of systemd behind nginx',
    start: onSocketBehindNginx,
    needs: ['systemd-socket-activate', 'nginx'],
  },
  { name: 'behind Caddy with lb_try_duration', start: behindCaddy, needs: ['caddy'] },
];

describe.each(fronts)('a server $name that is stopped and started again', ({ start, needs }) => {
  const reason = needs.map(missing).find((reason) => reason !== undefined);
  if (reason) console.warn(`skipped: ${reason}`);

  test.skipIf(reason)(
    'answers running calls, or says that they were stopped, and has all its clients back',
    async () => {
      const { url, restart } = await start();
      const errors: string[] = [];
      const all = await Promise.all([...clients, ...clients].map((client) => connect(client, url, errors)));
      const short = all.map((client) => countdown(client, 1));
      const long = countdown(all[0] as Connection, 60);
      await Promise.all([...short, long].map(({ begun }) => begun));

      const restarted = restart();
      expect(await Promise.all(short.map(({ outcome }) => outcome))).toEqual(
        all.map(() => 'Counted down 1 s'),
      );
      expect(await long.outcome).toMatch('The server stopped before the call ended');
      await restarted;
      await Promise.all(all.map(untilAnswered));
      expect(errors.filter((error) => /non-200|status/i.test(error))).toEqual([]);
    },
  );
});

describe.skipIf(missing('systemd-socket-activate'))('a socket that a server is given', () => {
  test('beyond this machine, against HOST, stops the start with one line', async () => {
    const port = await freePort();
    const program = execa(
      'systemd-socket-activate',
      ['-l', `0.0.0.0:${port}`, process.execPath, 'dist/main.js'],
      {
        cwd: join(inject('projects'), 'none'),
        reject: false,
      },
    );
    // It starts the server for the first connection.
    while (await isRefused(port)) await new Promise((resolve) => setTimeout(resolve, 10));
    const { exitCode, stderr } = await program;
    expect(exitCode).toBe(1);
    expect(stderr.split('\n').at(-1)).toBe(
      'HOST=127.0.0.1 must be 0.0.0.0, where the socket listens that this process was given',
    );
  });

  test('is left alone by a process that it was not meant for', async () => {
    const server = await startServer('none', { LISTEN_FDS: '1', LISTEN_PID: String(process.pid) });
    onTestFinished(async () => void (await server.stop()));
    expect((await fetch(`${server.origin}/health`)).status).toBe(200);
  });
});

async function isRefused(port: number): Promise<boolean> {
  return fetch(`http://127.0.0.1:${port}/`).then(
    () => false,
    ({ cause }) => cause.code === 'ECONNREFUSED',
  );
}

async function connect(client: ClientUnderTest, url: string, errors: string[]): Promise<Connection> {
  const onerror = ({ message }: Error) => errors.push(message);
  const connection = await client.connect(new URL(`${url}/sse`), { transport: 'SSE', headers, onerror });
  onTestFinished(() => connection.close());
  return connection;
}

/** A call that takes some seconds: when it has begun, and what came of it. */
function countdown(client: Connection, seconds: number) {
  let onprogress = () => {};
  const begun = new Promise<void>((resolve) => (onprogress = resolve));
  const call = client.callTool({ name: 'countdown', arguments: { seconds } }, { onprogress });
  const outcome = call.then(
    ({ content }) => content[0].text as string,
    (error: Error) => error.message,
  );
  return { begun, outcome };
}

/** Calls until a call succeeds, as a program does that tries again. */
async function untilAnswered(client: Connection): Promise<void> {
  const deadline = performance.now() + patience * 1000;
  for (;;) {
    try {
      await client.callTool({ name: 'echo', arguments: { text: 'back' } }, { timeout: 500 });
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
