import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { call, eventually, metric, openStream, post, send } from '../support/client.js';
import { directoryOf } from '../support/projects.js';

// The compiled transport as a library, in a program with a provider and an MCP server of its own.

const servers: { close(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

const dist = (file: string) => import(pathToFileURL(join(directoryOf('none'), 'dist', file)).href);

async function startHere(settings: Record<string, string> = {}, options: Record<string, unknown> = {}) {
  const { loadConfig } = await dist('config.js');
  const { createMcpServer } = await dist('mcp-server.js');
  const { createMetrics } = await dist('monitoring/metrics.js');
  const { createSseServer } = await dist('transport/sse-server.js');
  const config = loadConfig({ PORT: '0', ...settings });
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const metrics = createMetrics();
  const server = createSseServer({ ...config.server, createMcpServer, log, metrics, ...options });
  servers.push(server);
  await server.listen();
  return Object.assign(server, { port: Number(new URL(server.url()).port) });
}

describe('two servers in one process', () => {
  test('do not touch: sessions, limits and metrics are their own', async () => {
    const [one, two] = await Promise.all([
      startHere({ MAX_SESSIONS: '1' }),
      startHere({ MAX_SESSIONS: '1' }),
    ]);
    const stream = await openStream(one);
    const other = await openStream(two);
    expect((await post(two, stream.endpoint, call(1, 'ping'))).status).toBe(404);
    expect((await stream.post(call(1, 'ping'))).status).toBe(202);
    expect(await stream.message(1)).toMatchObject({ result: {} });

    await one.close();
    await stream.closed;
    expect(other.isOver).toBe(false);
    await other.post(call(2, 'ping'));
    expect(await other.message(2)).toMatchObject({ result: {} });
    expect(await metric(two, 'mcp_sessions_open')).toBe(1);
    expect(one.sessions.size).toBe(0);
  });

  test('a server that is closed leaves no timer and no connection', async () => {
    const held = () =>
      process.getActiveResourcesInfo().filter((name) => name === 'Timeout' || name.startsWith('TCP')).length;
    const before = held();
    const server = await startHere();
    const stream = await openStream(server);
    await server.close();
    await stream.closed;
    await eventually(
      async () => held(),
      (now) => now <= before,
    );
  });
});

describe('a provider', () => {
  /** Calls the provider when the test says so. */
  function providerThat(authenticate: () => Promise<unknown>) {
    return { provider: { authenticate }, endpoints: { sse: true, messages: true } };
  }

  test('that cannot tell: 503 with Retry-After, before anything is said of sessions', async () => {
    const auth = providerThat(async () => {
      throw new Error('connect ECONNREFUSED 10.1.2.3:443');
    });
    const server = await startHere({}, { auth });
    for (const answer of [await send(server, 'GET', '/sse'), await post(server, '/messages', '{')]) {
      expect(answer.status).toBe(503);
      expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
      expect(JSON.parse(answer.body).error.code).toBe('auth_unavailable');
      expect(answer.body).not.toContain('10.1.2.3');
    }
  });

  test('that is slow: the limit of sessions holds for all who wait for it', async () => {
    const waiting: (() => void)[] = [];
    const auth = providerThat(() => new Promise((resolve) => waiting.push(() => resolve(true))));
    const server = await startHere({ MAX_SESSIONS: '3' }, { auth });
    const asked = Array.from({ length: 10 }, () => openStream(server).catch(({ message }) => message));
    await eventually(
      async () => waiting.length,
      (count) => count === 10,
    );
    for (const answer of waiting) answer();
    const refused = (await Promise.all(asked)).filter(
      (answer) => answer === 'the stream was refused with 503',
    );
    expect(refused).toHaveLength(7);
    expect(server.sessions.size).toBe(3);
  });

  test('that is slow: who has it checked while the server closes gets 503, and no session', async () => {
    let answer = () => {};
    const auth = providerThat(() => new Promise((resolve) => (answer = () => resolve(true))));
    const server = await startHere({ SHUTDOWN_SECONDS: '5' }, { auth });
    const asked = send(server, 'GET', '/sse');
    await eventually(
      async () => String(answer),
      (source) => source.includes('resolve'),
    );
    const closed = server.close();
    answer();
    expect((await asked).status).toBe(503);
    await closed;
    expect(server.sessions.size).toBe(0);
  });

  test('that is slow: who left meanwhile has no session', async () => {
    let answer = () => {};
    const auth = providerThat(() => new Promise((resolve) => (answer = () => resolve(true))));
    const server = await startHere({}, { auth });
    const gone = new AbortController();
    const asked = fetch(`${server.url()}/sse`, { signal: gone.signal });
    await eventually(
      async () => String(answer),
      (source) => source.includes('resolve'),
    );
    gone.abort();
    await expect(asked).rejects.toThrow();
    await send(server, 'GET', '/health'); // By now the server has seen that the client left.
    answer();
    const { body } = await send(server, 'GET', '/health');
    expect(JSON.parse(body).sessions).toBe(0);
  });
});

test('an MCP server that cannot be made is 500 without a reason, and the next session is tried anew', async () => {
  let fails = true;
  const { createMcpServer } = await dist('mcp-server.js');
  const server = await startHere(
    {},
    {
      createMcpServer: () => {
        if (fails) throw new Error('the database is away');
        return createMcpServer();
      },
    },
  );
  const answer = await send(server, 'GET', '/sse');
  expect(answer.status).toBe(500);
  expect(answer.body).not.toContain('database');
  expect(server.sessions.size).toBe(0);
  fails = false;
  const stream = await openStream(server);
  await stream.post(call(1, 'ping'));
  expect(await stream.message(1)).toMatchObject({ result: {} });
});
