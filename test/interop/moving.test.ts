import { describe, expect, onTestFinished, test } from 'vitest';
import { startNginx } from '../relay/support/nginx.js';
import { startRedis } from '../relay/support/redis.js';
import { missingBrowser, openForeignPage } from '../support/browser.js';
import { clients } from './support/clients.js';
import { recordOutcome } from './support/outcome.js';
import { openInPage } from './support/page-client.js';
import { credential, type RunningServer, startServer } from './support/server.js';

// One of two processes ends under each client while a call of it runs: it was told to stop, or it is killed.

const headers = await credential('apikey');
const signals = ['SIGTERM', 'SIGKILL'] as const;
type Signal = (typeof signals)[number];

/** Seconds that the running call takes: longer than a client takes to reconnect. */
const callSeconds = 5;
const answered = `Counted down ${callSeconds} s`;

const became: Record<Signal, string> = {
  SIGTERM: 'is answered',
  SIGKILL: 'fails when the client is back',
};

for (const client of clients) {
  for (const signal of signals) {
    test(`${client.name} ${client.version}, whose process ends by ${signal}, goes on at another`, async ({
      task,
    }) => {
      const cluster = await startProcesses();
      const connection = await client.connect(new URL('/sse', cluster.origin), { transport: 'SSE', headers });
      onTestFinished(() => connection.close());
      const args = { name: 'countdown', arguments: { seconds: callSeconds } };
      let running: Promise<string> | undefined;
      await new Promise<void>((runs) => {
        const options = { timeout: 20_000, onprogress: () => runs() };
        running = connection.callTool(args, options).then(outcomeOf, whyFailed);
      });
      // By its reply the client has also been told that the call before was taken.
      await connection.callTool({ name: 'echo', arguments: { text: 'then' } });

      const seconds = await cluster.endOwner(signal, () =>
        connection.callTool({ name: 'echo', arguments: { text: 'again' } }, { timeout: 500 }),
      );

      const runningCall = (await running) as string;
      recordOutcome(task, {
        client: client.name,
        version: client.version,
        transport: 'SSE',
        feature: 'moving',
        moving: { signal, runningCall, seconds },
      });
      expect(runningCall).toBe(became[signal]);
    });
  }
}

const reason = missingBrowser();
describe.skipIf(reason)('in a browser', () => {
  for (const signal of signals) {
    test(`Chromium's EventSource, whose process ends by ${signal}, goes on at another`, async ({ task }) => {
      const cluster = await startProcesses({ PROTECT: 'messages' });
      const { page, version } = await openForeignPage();
      const client = await openInPage(page, `${cluster.origin}/sse`, headers);
      await client.callTool(1, 'echo', { text: 'first' });
      await client.replyTo(1);
      await client.callTool(2, 'countdown', { seconds: callSeconds });
      await client.callTool(3, 'echo', { text: 'the call before runs' });
      await client.replyTo(3);

      let id = 3;
      const seconds = await cluster.endOwner(signal, async () => {
        await client.callTool(++id, 'echo', { text: 'again' });
        await client.replyTo(id);
      });

      const reply = await client.replyTo(2);
      const runningCall = reply.result ? outcomeOf(reply.result) : whyFailed(new Error(reply.error.message));
      recordOutcome(task, {
        client: 'Chromium',
        version,
        transport: 'SSE',
        feature: 'moving',
        moving: { signal, runningCall, seconds },
      });
      expect(runningCall).toBe(became[signal]);
    });
  }
});

/** Two processes of the server behind nginx, as the README of a project configures it. */
async function startProcesses(more: Record<string, string> = {}) {
  const redis = await startRedis();
  onTestFinished(() => redis.stop());
  const settings = { TRUST_PROXY: '1', SHUTDOWN_SECONDS: '15', REDIS_URL: redis.url, ...more };
  const servers = await Promise.all(
    ['a', 'b'].map((id) => startServer('with-relay', { ...settings, NODE_ID: id })),
  );
  onTestFinished(async () => {
    await Promise.all(servers.map((server) => server.stop('SIGKILL')));
  });
  // A process listens before it has found Redis.
  for (const { origin } of servers) while ((await health(origin)).relay) await pause();
  const nginx = await startNginx(servers.map(({ port }) => port));
  onTestFinished(() => nginx.stop());

  /** Ends the process that has the session, and calls until a call succeeds. @returns the seconds that took */
  async function endOwner(signal: Signal, call: () => Promise<unknown>): Promise<number> {
    const owner = servers.find(({ log }) => log.some(({ msg }) => msg === 'session opened')) as RunningServer;
    const startedAt = performance.now();
    const ended = owner.stop(signal);
    if (signal === 'SIGKILL') await ended;
    for (;;) {
      const isGood = await call().then(
        () => true,
        () => false,
      );
      if (isGood) break;
      await pause(); // As an impatient person would.
    }
    return (performance.now() - startedAt) / 1000;
  }

  return { origin: nginx.origin, endOwner };
}

async function health(origin: string): Promise<{ relay?: string }> {
  return (await fetch(`${origin}/health`)).json() as Promise<{ relay?: string }>;
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 50));
}

function outcomeOf(result: { content?: { text?: string }[] }): string {
  return result.content?.[0]?.text === answered ? 'is answered' : 'is answered with something else';
}

function whyFailed({ message }: Error): string {
  if (message.includes('process that ran the call ended')) return 'fails when the client is back';
  return /timed? ?out/i.test(message) ? 'times out' : message;
}
