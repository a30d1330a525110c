import { describe, expect, onTestFinished, test } from 'vitest';
import { startNginx } from '../relay/support/nginx.js';
import { startRedis } from '../relay/support/redis.js';
import { missingBrowser, openForeignPage } from '../support/browser.js';
import { clients } from './support/clients.js';
import { recordOutcome } from './support/outcome.js';
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
      await page.evaluate(openStream, { origin: cluster.origin, headers });
      await page.evaluate(callTool, { id: 1, name: 'echo', args: { text: 'first' } });
      await page.evaluate(replyTo, 1);
      await page.evaluate(callTool, { id: 2, name: 'countdown', args: { seconds: callSeconds } });
      await page.evaluate(callTool, { id: 3, name: 'echo', args: { text: 'the call before runs' } });
      await page.evaluate(replyTo, 3);

      let id = 3;
      const seconds = await cluster.endOwner(signal, async () => {
        await page.evaluate(callTool, { id: ++id, name: 'echo', args: { text: 'again' } });
        await page.evaluate(replyTo, id);
      });

      const reply = await page.evaluate(replyTo, 2);
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

// In the page: the stream stays open between the calls.

// biome-ignore lint/suspicious/noExplicitAny: what the page keeps between two calls
type Loose = any;

function openStream({ origin, headers }: { origin: string; headers: Record<string, string> }): Promise<void> {
  const page = globalThis as Loose;
  page.mcp = { replies: new Map(), waiting: new Map(), headers, url: undefined };
  const stream = new EventSource(`${origin}/sse`);
  stream.addEventListener('message', ({ data }) => {
    const message = JSON.parse(data);
    page.mcp.replies.set(message.id, message);
    page.mcp.waiting.get(message.id)?.(message);
  });
  return new Promise((resolve) => {
    stream.addEventListener('endpoint', ({ data }) => {
      page.mcp.url = origin + data;
      resolve();
    });
  });
}

async function callTool({ id, name, args }: { id: number; name: string; args: object }): Promise<void> {
  const { mcp } = globalThis as Loose;
  const response = await fetch(mcp.url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...mcp.headers },
    body: JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: args } }),
  });
  if (!response.ok) throw new Error(`refused with ${response.status}`);
}

/** The reply to a call, whenever it comes. */
function replyTo(id: number): Promise<Loose> {
  const { mcp } = globalThis as Loose;
  if (mcp.replies.has(id)) return mcp.replies.get(id);
  return new Promise((resolve) => mcp.waiting.set(id, resolve));
}
