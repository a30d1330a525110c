import { createHook } from 'node:async_hooks';
import { ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { call, callTool, eventually, metric, openStream, post, send } from '../support/client.js';
import { startHere } from '../support/embedded.js';
import { directoryOf, importFrom } from '../support/projects.js';

// The compiled transport as a library, in a program with a provider and an MCP server of its own.

afterEach(() => void vi.restoreAllMocks());

describe('two servers in one process', () => {
  test('share no sessions, limits or metrics', async () => {
    const limits = { MAX_SESSIONS: '1', MAX_SESSIONS_PER_CLIENT: '1' };
    const [one, two] = await Promise.all([startHere(limits), startHere(limits)]);
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

  test('leave no timer and no connection when they close', async () => {
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

describe('what the transport asks of Node', () => {
  test('is one timer for all sessions while it runs, and none after it closed', async () => {
    const project = directoryOf('none');
    const timers = new Set<number>();
    // Of timers that do not keep the process alive only this tells.
    const hook = createHook({
      init(id, type) {
        if (type === 'Timeout' && new Error().stack?.includes(project)) timers.add(id);
      },
      destroy: (id) => void timers.delete(id),
    }).enable();
    const server = await startHere();
    const streams = await Promise.all(Array.from({ length: 20 }, () => openStream(server)));
    for (const stream of streams) {
      await stream.post(callTool(1, 'echo', { text: 'hello' }));
      await stream.message(1);
      stream.close();
    }
    const count = async () => timers.size;
    await eventually(count, (now) => now === 1);
    await server.close();
    await eventually(count, (now) => now === 0);
    hook.disable();
  });

  test('is no delay and TCP keep-alive on each stream', async () => {
    const noDelay = vi.spyOn(Socket.prototype, 'setNoDelay');
    const keepAlive = vi.spyOn(Socket.prototype, 'setKeepAlive');
    const server = await startHere();
    const stream = await openStream(server);
    const asked = ({ mock }: typeof noDelay | typeof keepAlive) =>
      mock.calls.filter((_, i) => mock.contexts[i]?.localPort === server.port);
    expect(asked(noDelay)).toEqual([[true]]);
    expect(asked(keepAlive)).toEqual([[true, 60_000]]);
    stream.close();
  });
});

test('the 202 is written before the message is handled', async () => {
  const order: string[] = [];
  const end = ServerResponse.prototype.end;
  vi.spyOn(ServerResponse.prototype, 'end').mockImplementation(function (this: ServerResponse, ...args) {
    if (this.statusCode === 202) order.push('accepted');
    return end.apply(this, args);
  });
  const { createMcpServer } = await importFrom('none', 'mcp-server.js');
  const server = await startHere(
    {},
    {
      createMcpServer: () => {
        const mcpServer = createMcpServer();
        const connect = mcpServer.connect.bind(mcpServer);
        mcpServer.connect = async (session: { onmessage: () => void }) => {
          await connect(session);
          session.onmessage = () => void order.push('handled');
        };
        return mcpServer;
      },
    },
  );
  const stream = await openStream(server);
  expect((await stream.post(call(1, 'ping'))).status).toBe(202);
  expect(order).toEqual(['accepted', 'handled']);
  stream.close();
});

describe('a server that closes', () => {
  test('aborts the calls that are still running when their time is up', async () => {
    const { createMcpServer } = await importFrom('none', 'mcp-server.js');
    const signals: AbortSignal[] = [];
    const reasons: unknown[] = [];
    const server = await startHere(
      { SHUTDOWN_SECONDS: '1' },
      {
        log: {
          debug() {},
          info: (facts: { reason?: string }, msg: string) =>
            msg === 'session closed' && reasons.push(facts.reason),
          warn() {},
          error() {},
        },
        createMcpServer: () => {
          const mcpServer = createMcpServer();
          mcpServer.registerTool('hang', {}, ({ mcpReq }: { mcpReq: { signal: AbortSignal } }) => {
            signals.push(mcpReq.signal);
            return new Promise(() => {});
          });
          return mcpServer;
        },
      },
    );
    const stream = await openStream(server);
    await stream.post(callTool(1, 'hang'));
    await eventually(
      async () => signals.length,
      (count) => count === 1,
    );
    const started = performance.now();
    const closed = server.close();
    expect(signals[0]?.aborted).toBe(false);
    await closed;
    expect(performance.now() - started).toBeGreaterThan(900);
    expect(signals[0]?.aborted).toBe(true);
    expect(reasons).toEqual(['shutdown']); // Not cut off with its connection: its session ended before.
    await stream.closed;
  });

  test('continues when the end of an MCP server fails', async () => {
    const { createMcpServer } = await importFrom('none', 'mcp-server.js');
    const server = await startHere(
      {},
      {
        createMcpServer: () => {
          const mcpServer = createMcpServer();
          mcpServer.server.onclose = () => {
            throw new Error('the database is away');
          };
          return mcpServer;
        },
      },
    );
    const streams = await Promise.all([1, 2, 3].map(() => openStream(server)));
    streams[0]?.close();
    await eventually(
      async () => server.sessions.size,
      (size) => size === 2,
    );
    await server.close();
    await Promise.all(streams.map((stream) => stream.closed));
    expect(server.sessions.size).toBe(0);
  });
});

describe('a provider', () => {
  /** Calls the provider when the test says so. */
  function providerThat(authenticate: () => Promise<unknown>) {
    return { provider: { authenticate } };
  }

  test('that throws gets 503 with Retry-After, whatever the session', async () => {
    const options = providerThat(async () => {
      throw new Error('connect ECONNREFUSED 10.1.2.3:443');
    });
    const server = await startHere({}, options);
    for (const answer of [await send(server, 'GET', '/sse'), await post(server, '/messages', '{')]) {
      expect(answer.status).toBe(503);
      expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
      expect(JSON.parse(answer.body).error.code).toBe('auth_unavailable');
      expect(answer.body).not.toContain('10.1.2.3');
    }
  });

  test('that is slow does not let more sessions open than the limit', async () => {
    const waiting: (() => void)[] = [];
    const options = providerThat(() => new Promise((resolve) => waiting.push(() => resolve(true))));
    const server = await startHere({ MAX_SESSIONS: '3' }, options);
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

  test('that is slow while the server closes opens no session', async () => {
    let answer = () => {};
    const options = providerThat(() => new Promise((resolve) => (answer = () => resolve(true))));
    const server = await startHere({ SHUTDOWN_SECONDS: '5' }, options);
    const asked = send(server, 'GET', '/sse');
    await eventually(
      async () => String(answer),
      (source) => source.includes('resolve'),
    );
    const closed = server.close();
    answer();
    await expect(asked).rejects.toThrow('socket hang up');
    await closed;
    expect(server.sessions.size).toBe(0);
  });

  test('that is slow opens no session for a client that left', async () => {
    let answer = () => {};
    const options = providerThat(() => new Promise((resolve) => (answer = () => resolve(true))));
    const server = await startHere({}, options);
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

test('an MCP server that cannot be made gets 500 without a reason, and the next session is tried again', async () => {
  let fails = true;
  const { createMcpServer } = await importFrom('none', 'mcp-server.js');
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
