import { describe, expect, onTestFinished, type TestContext, test } from 'vitest';
import { missingBrowser, openForeignPage } from '../support/browser.js';
import { type CuttingProxy, cuttingProxy } from '../templates/support/cutting-proxy.js';
import { type ClientUnderTest, type Connection, client1_12, clients } from './support/clients.js';
import { openInPage } from './support/page-client.js';
import { credential, startServer } from './support/server.js';

// Unmodified clients of four generations, many at once with one credential, one `User-Agent` and one address, whose
// streams are cut: every call is answered. CUT_CLIENTS says how many of each generation, CUT_ROUNDS how many calls each
// makes; both are small in CI.

const isLong = process.env.CUT_CLIENTS !== undefined;
const clientsOfEach = Number(process.env.CUT_CLIENTS ?? 3);
const rounds = Number(process.env.CUT_ROUNDS ?? 1);

const modern = clients.filter(({ transports }) => transports.includes('SSE'));
const [oldest] = modern;
const generations = [...modern, client1_12];
/** Long enough for the calls of all clients to be on their way when their streams are cut. */
const callTakesMs = isLong ? 4000 : 1000;
const settings = {
  SLOW_ECHO_MS: String(callTakesMs),
  MAX_SESSIONS_PER_CLIENT: '2000',
  MAX_CALLS_PER_CLIENT: '2000',
  RATE_LIMIT: '0',
};

/** How the streams are cut, when all calls are on their way. */
const cuts: [name: string, cut: (proxy: CuttingProxy) => void][] = [
  ['after the 202', (proxy) => proxy.cut()],
  ['in the middle of an event', (proxy) => proxy.cutAtNextEvent(0.5)],
  ['while the reply is written', (proxy) => proxy.cutAtNextEvent(0)],
  ['twice in a row', (proxy) => proxy.cutTwice()],
  ['half-open', (proxy) => proxy.cutHalf()],
];

/** Seconds within which a client has its reply once it is back, and the call is over. */
const patience = 2;

/** A program with a client. */
interface Program {
  version: string;
  /** The path of its stream, by which the proxy knows it. */
  path: string;
  /** What the tool answers. */
  echo(text: string): Promise<string>;
}

// All cuts at once, each with its server, proxy and clients. Many clients more in one process would answer too late.
describe.each(['apikey', 'jwt', 'none'] as const)('with %s', (auth) => {
  (isLong ? test : test.concurrent).for(cuts)(
    'streams that are cut %s lose no call',
    { timeout: 60_000 + rounds * 30_000 },
    async ([name, cut], context) => {
      const { proxy, connect } = await start(`slow-${auth}`, await credential(auth), context);
      const programs = await Promise.all(
        Array.from({ length: clientsOfEach }, () => generations.map((client) => connect(client))).flat(),
      );
      await callThroughCuts(programs, proxy, cut, `${auth}, ${name}`, context);
    },
  );
});

describe.skipIf(missingBrowser())('in a browser', () => {
  test.for(cuts)(
    "streams of Chromium's EventSource that are cut %s lose no call",
    { timeout: 60_000 + rounds * 30_000 },
    async ([name, cut], context) => {
      const headers = await credential('apikey');
      const { proxy } = await start('slow-apikey', headers, context, { PROTECT: 'messages' });
      const { page, version } = await openForeignPage();
      // A browser opens six at most.
      const programs = [1, 2, 3].map(async (number): Promise<Program> => {
        const path = `/sse?program=${number}`;
        const client = await openInPage(page, proxy.origin + path, headers);
        let id = 0;
        const echo = async (text: string) => {
          await client.callTool(++id, 'echo', { text });
          const { result } = await client.replyTo(id);
          expect(await client.repliesTo(id)).toBe(1);
          return result.content[0].text;
        };
        return { version: `Chromium ${version}`, path, echo };
      });
      await callThroughCuts(await Promise.all(programs), proxy, cut, `apikey, ${name}`, context);
    },
  );
});

/** A server behind a proxy that cuts, and what connects clients to it, until the test is over. */
async function start(
  project: string,
  headers: Record<string, string>,
  { onTestFinished }: Pick<TestContext, 'onTestFinished'>,
  more: Record<string, string> = {},
) {
  const server = await startServer(project, { ...settings, ...more });
  const proxy = await cuttingProxy(server);
  const connections: Connection[] = [];
  onTestFinished(async () => {
    await Promise.all(connections.map((connection) => connection.close()));
    proxy.close();
    await server.stop('SIGKILL');
  });

  async function connect(client: ClientUnderTest, via = proxy): Promise<Program> {
    const path = `/sse?program=${connections.length}`;
    const connection: Connection = await client.connect(new URL(path, via.origin), {
      transport: 'SSE',
      headers,
    });
    connections.push(connection);
    const echo = async (text: string) => {
      const { content } = await connection.callTool({ name: 'echo', arguments: { text } });
      return content[0].text;
    };
    return { version: client.version, path, echo };
  }

  return { server, proxy, connections, connect };
}

/** Has all programs call, cuts their streams when all calls are on their way, and requires each its reply in time. */
async function callThroughCuts(
  programs: Program[],
  proxy: CuttingProxy,
  cut: (proxy: CuttingProxy) => void,
  what: string,
  { expect }: TestContext, // Others run at the same time.
): Promise<void> {
  const seconds = new Map<string, number[]>();
  for (let round = 0; round < rounds; round++) {
    const before = proxy.accepted();
    let cutAt = Number.NaN;
    const replies = programs.map(async ({ version, path, echo }, i) => {
      const text = `round ${round}, program ${i}`;
      expect(await echo(text)).toBe(text);
      expect(proxy.openedAt(path)).toBeGreaterThan(cutAt);
      const due = Math.max(proxy.openedAt(path), cutAt + callTakesMs);
      seconds.set(version, [...(seconds.get(version) ?? []), (performance.now() - due) / 1000]);
    });
    await expect
      .poll(() => proxy.accepted() - before, { interval: 5, timeout: 10_000 })
      .toBe(programs.length);
    cutAt = performance.now();
    cut(proxy);
    await Promise.all(replies);
  }
  for (const [version, times] of seconds) {
    const most = Math.max(...times);
    if (isLong) console.log(`${what}, ${version}: ${times.length}, ${most.toFixed(2)} s`);
    expect(most).toBeLessThan(patience);
  }
}
/** Fresh clients that come, one after the other, while others are cut and come back. */
const freshClients = 200;
const arrivalMs = 20;

/** How late every other one initialises: programs do other things first. */
const slowMs = 1500;

/** Milliseconds that a client has to wait at least that is asked whether it was here before. */
const askedMs = 1000;

// Newer SDKs say that they come back; whether there is an older one that does not cannot be told from a fresh one.
test.each([
  ['newer clients', modern, modern.slice(1), 0],
  ['older clients too', generations, generations.slice(1), askedMs],
])(
  'while the streams of %s are cut, 200 fresh clients of the same caller get nothing of theirs, and wait for nothing that is not due',
  { timeout: 60_000 },
  async (_, cutOnes, freshOnes, mayWaitMs) => {
    const headers = await credential('apikey');
    const { server, proxy, connect } = await start('slow-apikey', headers, { onTestFinished });
    const halfOpen = await cuttingProxy(server);
    onTestFinished(() => halfOpen.close());
    const programs = await Promise.all(
      [proxy, halfOpen].flatMap((via) =>
        cutOnes.flatMap((client) => [connect(client, via), connect(client, via)]),
      ),
    );
    const replies = programs.map(({ echo }, i) => echo(`for program ${i}`));
    const accepted = () => proxy.accepted() + halfOpen.accepted();
    await expect.poll(accepted, { interval: 5 }).toBeGreaterThanOrEqual(programs.length * 3);
    proxy.cut();
    halfOpen.cutHalf();

    const waited: number[] = [];
    const fresh = Array.from({ length: freshClients }, async (_, i) => {
      await new Promise((resolve) => setTimeout(resolve, i * arrivalMs));
      const pause = i % 2 === 0 ? 0 : slowMs;
      const errors: string[] = [];
      const onerror = ({ message }: Error) => errors.push(message);
      const startedAt = performance.now();
      const client = freshOnes[i % freshOnes.length] as ClientUnderTest;
      const url = new URL('/sse', server.origin);
      const connection = await client.connect(url, { transport: 'SSE', headers, pause, onerror });
      onTestFinished(() => connection.close());
      waited.push(performance.now() - startedAt - pause);
      const { content } = await connection.callTool({ name: 'echo', arguments: { text: `fresh ${i}` } });
      expect(content[0].text).toBe(`fresh ${i}`);
      return errors;
    });

    expect(await Promise.all(replies)).toEqual(programs.map((_, i) => `for program ${i}`));
    const errors = (await Promise.all(fresh)).flat();
    expect(errors.filter((message) => /unknown message/.test(message))).toEqual([]);
    // On a busy machine some wait longer; whether any was asked is in the log.
    expect(waited.sort((a, b) => a - b)[freshClients / 2]).toBeLessThan(mayWaitMs + askedMs / 2);
    const asked = server.log.filter(({ msg }) => msg === 'client came back without a session');
    expect(asked.length > 0).toBe(mayWaitMs > 0);
  },
);

test.each(generations.map((client) => [client.version, client] as const))(
  'what client %s told when it initialised holds after its stream was cut',
  async (_, client) => {
    const headers = await credential('apikey');
    const { server, connections, proxy, connect } = await start('whole-protocol', headers, {
      onTestFinished,
    });
    await connect(client);
    const [connection] = connections as [Connection];
    const logged: string[] = [];
    connection.onNotification('notifications/message', ({ params }) => logged.push(params.data));
    await connection.client.setLoggingLevel('warning');
    connection.callTool({ name: 'hang' }).catch(() => {}); // Something that is still to be delivered.

    proxy.cut();
    // A question that was written before the server knew of the cut would not be sent again.
    const metrics = async () => (await fetch(`${server.origin}/metrics`, { headers })).text();
    await expect.poll(metrics).toContain('mcp_sessions_waiting 1\n');
    const asked = await connection.callTool({ name: 'ask-model' });
    expect(JSON.parse(asked.content[0].text)).toEqual({ type: 'text', text: 'A test.' });
    // Elicitation came with version 1.13.
    if (client !== oldest && client !== client1_12) {
      const { content } = await connection.callTool({ name: 'ask-user' });
      expect(content[0].text).toBe('accept {"name":"Ada"}');
    }
    await connection.callTool({ name: 'log' });
    expect(logged).toEqual(['watch out']);
  },
);
