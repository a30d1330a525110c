import { describe, expect, onTestFinished, test } from 'vitest';
import { missingBrowser, openForeignPage } from '../support/browser.js';
import { type ClientUnderTest, type Connection, clients, type TransportName } from './support/clients.js';
import { recordOutcome } from './support/outcome.js';
import { credential, type RunningServer, startServer } from './support/server.js';

// The server is killed under each client and started again on the same port. How long until the next good call?

const headers = await credential('apikey');

/** Seconds within which every client must be back: EventSource waits 3 at most by itself. */
const patience = 10;

for (const client of clients) {
  for (const transport of client.transports) {
    if (transport === 'Streamable HTTP, 2025') continue;
    test(`${client.name} ${client.version} over ${transport} goes on by itself`, async ({ task }) => {
      const server = await startServer('whole-protocol');
      const errors: string[] = [];
      const connection = await connect(client, transport, server, errors);
      const lost = outcomeOf(connection.callTool({ name: 'hang' }, { timeout: 2000 }));
      await connection.callTool({ name: 'add', arguments: { a: 1, b: 2 } });

      await server.stop('SIGKILL');
      await startAgain(server, 'whole-protocol');
      const restartedAt = performance.now();
      await untilGood(() =>
        connection.callTool({ name: 'add', arguments: { a: 1, b: 2 } }, { timeout: 500 }),
      );
      const seconds = (performance.now() - restartedAt) / 1000;

      recordOutcome(task, {
        client: client.name,
        version: client.version,
        transport,
        feature: 'reconnecting',
        reconnecting: { seconds, runningCall: await lost, onerror: errors.length > 0 },
      });
      expect(seconds).toBeLessThan(patience);
    });
  }
}

// Over this one the client has a session, which ended with the server.
for (const client of clients) {
  const transport = 'Streamable HTTP, 2025';
  if (!client.transports.includes(transport)) continue;
  const name = `${client.name} ${client.version} over ${transport}`;

  test(`${name} is told that its session is gone, and the program connects again`, async ({ task }) => {
    const server = await startServer('whole-protocol');
    const errors: string[] = [];
    const connection = await connect(client, transport, server, errors);
    const lost = outcomeOf(connection.callTool({ name: 'hang' }, { timeout: 2000 }));
    const add = { name: 'add', arguments: { a: 1, b: 2 } };
    await connection.callTool(add);

    await server.stop('SIGKILL');
    await startAgain(server, 'whole-protocol');
    await expect(connection.callTool(add)).rejects.toThrow('There is no such session');
    const again = await connect(client, transport, server, errors);
    await again.callTool(add);

    recordOutcome(task, {
      client: client.name,
      version: client.version,
      transport,
      feature: 'reconnecting',
      reconnecting: { seconds: undefined, runningCall: await lost, onerror: errors.length > 0 },
    });
  });

  test(`${name} goes on by itself with a server without sessions`, async () => {
    const settings = { STREAMABLE_HTTP_SESSIONS: 'off' };
    const server = await startServer('whole-protocol', settings);
    const connection = await connect(client, transport, server, []);
    await server.stop('SIGKILL');
    await startAgain(server, 'whole-protocol', settings);
    await untilGood(() => connection.callTool({ name: 'add', arguments: { a: 1, b: 2 } }, { timeout: 500 }));
  });
}

const reason = missingBrowser();
describe.skipIf(reason)('in a browser', () => {
  test("Chromium's EventSource goes on by itself, with a new endpoint", async ({ task }) => {
    const settings = { PROTECT: 'messages' };
    const server = await startServer('apikey', settings);
    const { page, version } = await openForeignPage();
    const firstEndpoint = await page.evaluate(openStream, server.origin);

    await server.stop('SIGKILL');
    await startAgain(server, 'apikey', settings);
    const restartedAt = performance.now();
    const secondEndpoint = await page.evaluate(nextEndpoint);
    const seconds = (performance.now() - restartedAt) / 1000;

    recordOutcome(task, {
      client: 'Chromium',
      version,
      transport: 'SSE',
      feature: 'reconnecting',
      reconnecting: { seconds, runningCall: 'its reply never comes', onerror: true },
    });
    expect(secondEndpoint).not.toBe(firstEndpoint);
    expect(seconds).toBeLessThan(patience);
  });
});

async function connect(
  client: ClientUnderTest,
  transport: TransportName,
  { origin }: RunningServer,
  errors: string[],
): Promise<Connection> {
  const url = new URL(transport === 'SSE' ? '/sse' : '/mcp', origin);
  const onerror = (error: Error) => errors.push(error.message);
  const connection = await client.connect(url, { transport, headers, onerror });
  onTestFinished(() => connection.close());
  return connection;
}

async function startAgain({ port }: RunningServer, project: string, settings = {}): Promise<void> {
  const server = await startServer(project, { PORT: String(port), ...settings });
  onTestFinished(async () => {
    await server.stop('SIGKILL');
  });
}

/** Calls until a call succeeds. */
async function untilGood(call: () => Promise<unknown>): Promise<void> {
  const deadline = performance.now() + patience * 1000;
  for (;;) {
    try {
      await call();
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50)); // As an impatient person would.
    }
  }
}

function outcomeOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => 'is answered',
    (error: Error) => (/timed? ?out/i.test(error.message) ? 'times out' : 'fails at once'),
  );
}

// In the page: the stream stays open between the two.

function openStream(origin: string): Promise<string> {
  const stream = new EventSource(`${origin}/sse`);
  Object.assign(globalThis, { stream });
  return new Promise((resolve) => {
    stream.addEventListener('endpoint', ({ data }) => resolve(data), { once: true });
  });
}

function nextEndpoint(): Promise<string> {
  const { stream } = globalThis as unknown as { stream: EventSource };
  return new Promise((resolve) => {
    stream.addEventListener('endpoint', ({ data }) => resolve(data), { once: true });
  });
}
