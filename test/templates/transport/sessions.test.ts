import { Agent, get, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Answer,
  call,
  callTool,
  eventually,
  metric,
  openStream,
  post,
  rawConnection,
  rawRequest,
  send,
} from '../support/client.js';
import { type RunningServer, startServer, startTestServer } from '../support/server.js';

const alice = { 'X-API-Key': 'the-key-of-alice-0123' };
const bob = { 'X-API-Key': 'the-key-of-bob-012345' };
const keys = { API_KEY: 'alice:the-key-of-alice-0123,bob:the-key-of-bob-012345,alice2:another-key-of-alice' };

/** Without what differs from one moment, or one request, to the next. */
function same({ status, headers, body }: Answer) {
  const { date, 'x-request-id': id, ...rest } = headers;
  return { status, headers: rest, body };
}

describe('a session belongs to the caller who opened it', () => {
  let server: RunningServer;
  beforeAll(async () => {
    server = await startServer('apikey', keys);
  });
  afterAll(() => server.stop());

  test("another caller's message is answered as if the session did not exist, and has no effect", async () => {
    const stream = await openStream(server, { headers: alice });
    const asBob = await post(server, stream.endpoint, callTool(1, 'echo', { text: 'from bob' }), bob);
    const unknown = await post(server, '/messages?sessionId=unknown', call(1, 'ping'), bob);
    expect(asBob.status).toBe(404);
    expect(same(asBob)).toEqual(same(unknown));

    await stream.post(call(2, 'ping'));
    expect(await stream.message()).toMatchObject({ id: 2 });
    stream.close();
  });

  test("another caller's oversized, broken or non-JSON body gets the same 404", async () => {
    const stream = await openStream(server, { headers: alice });
    const unknown = same(await post(server, '/messages?sessionId=unknown', '{', bob));
    for (const [body, type] of [
      ['{', 'application/json'],
      ['x'.repeat(5 * 1024 ** 2), 'application/json'],
      ['x', 'text/plain'],
    ]) {
      expect(
        same(await post(server, stream.endpoint, body, { ...bob, 'Content-Type': type as string })),
      ).toEqual(unknown);
    }
    stream.close();
  });

  test('two callers who use the same JSON-RPC ids at once each get their own replies', async () => {
    const streams = await Promise.all([
      openStream(server, { headers: alice }),
      openStream(server, { headers: bob }),
      openStream(server, { headers: bob }),
    ]);
    const texts = ['for alice', 'for bob', 'for bob, too'];
    for (let id = 0; id < 20; id++) {
      await Promise.all(
        streams.map((stream, i) => stream.post(callTool(id, 'echo', { text: `${texts[i]} ${id}` }))),
      );
    }
    for (const [i, stream] of streams.entries()) {
      for (let id = 0; id < 20; id++) {
        expect((await stream.message(id)).result.content[0].text).toBe(`${texts[i]} ${id}`);
      }
      expect(stream.events).toEqual([]);
      stream.close();
    }
  });

  test('a tool sees who is calling', async () => {
    const stream = await openStream(server, { headers: bob });
    await stream.post(callTool(1, 'whoami'));
    expect((await stream.message(1)).result.content[0].text).toBe('bob');
    stream.close();
  });
});

describe('while the body of a message arrives', () => {
  /** Begins a message; resolves when the server asked for its body, so knows whose session it is for. */
  async function begin(server: RunningServer, path: string, caller: Record<string, string>) {
    const body = JSON.stringify(callTool(1, 'whoami'));
    const connection = await rawConnection(server);
    const length = String(body.length);
    const headers = { 'Content-Type': 'application/json', 'Content-Length': length, Expect: '100-continue' };
    connection.write(rawRequest('POST', path, { ...headers, ...caller, Connection: 'close' }));
    await connection.until(/100 Continue\r\n\r\n$/);
    connection.write(body.slice(0, 10));
    return {
      /** Sends the rest; the status of the answer. */
      async finish(): Promise<number> {
        connection.write(body.slice(10));
        return Number(/HTTP\/1\.1 ([2-5]\d\d) /.exec(await connection.end())?.[1]);
      },
    };
  }

  test('its session may end, and the message is answered as if the session did not exist', async () => {
    const server = await startServer('apikey', keys);
    const stream = await openStream(server, { headers: alice });
    const message = await begin(server, stream.endpoint, alice);
    stream.close();
    await server.logged({ msg: 'session closed', client: 'alice' });
    expect(await message.finish()).toBe(404);
    await server.stop();
  });

  test('its session may get an owner, who keeps it', async () => {
    const server = await startServer('apikey', { ...keys, PROTECT: 'messages' });
    const stream = await openStream(server);
    const [first, second] = await Promise.all([
      begin(server, stream.endpoint, alice),
      begin(server, stream.endpoint, bob),
    ]);
    expect(await first.finish()).toBe(202);
    expect(await second.finish()).toBe(404);
    expect((await stream.message(1)).result.content[0].text).toBe('alice');
    await stream.post(call(2, 'ping'), alice);
    expect(await stream.message()).toMatchObject({ id: 2 });
    await server.stop();
  });
});

describe('the number of sessions is limited', () => {
  let server: RunningServer;
  beforeAll(async () => {
    // Without a rate, which would refuse some of these streams before the limit of sessions does.
    const limits = { MAX_SESSIONS: '5', MAX_SESSIONS_PER_CLIENT: '3', RATE_LIMIT: '0' };
    server = await startServer('apikey', { ...keys, ...limits });
  });
  afterAll(() => server.stop());

  test('for one client, with 429 and Retry-After, while other clients are admitted', async () => {
    const streams = await Promise.all([1, 2, 3].map(() => openStream(server, { headers: alice })));
    const answer = await send(server, 'GET', '/sse', { headers: alice });
    expect(answer.status).toBe(429);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    expect(JSON.parse(answer.body).error.code).toBe('too_many_sessions');

    streams.push(await openStream(server, { headers: bob }));
    const one = streams.shift();
    one?.close();
    // A place is free again as soon as a session is over.
    await eventually(
      () => send(server, 'GET', '/health'),
      ({ body }) => JSON.parse(body).sessions === 3,
    );
    streams.push(await openStream(server, { headers: alice }));
    for (const stream of streams) stream.close();
    await eventually(
      () => send(server, 'GET', '/health'),
      ({ body }) => JSON.parse(body).sessions === 0,
    );
  });

  test('in all, with 503 and Retry-After for every client', async () => {
    const streams = await Promise.all(
      [alice, alice, alice, bob, bob].map((headers) => openStream(server, { headers })),
    );
    const answer = await send(server, 'GET', '/sse', { headers: bob });
    expect(answer.status).toBe(503);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    expect(JSON.parse(answer.body).error.code).toBe('server_full');
    for (const stream of streams) stream.close();
    await eventually(
      () => send(server, 'GET', '/health'),
      ({ body }) => JSON.parse(body).sessions === 0,
    );
  });

  test('when two callers ask for 10,000: the limit opens, the others are refused, and every count returns to zero', async () => {
    const agent = new Agent({ keepAlive: true });
    const opened: IncomingMessage[] = [];
    const statuses: Record<number, number> = {};
    const ask = (headers: Record<string, string>) =>
      new Promise<void>((resolve, reject) => {
        get({ host: '127.0.0.1', port: server.port, path: '/sse', headers, agent }, (response) => {
          const status = response.statusCode as number;
          statuses[status] = (statuses[status] ?? 0) + 1;
          if (status === 200) {
            opened.push(response);
            resolve();
          } else {
            response.resume().once('end', resolve);
          }
        }).on('error', reject);
      });
    const rounds = 20;
    for (let round = 0; round < rounds; round++) {
      for (const caller of [alice, bob]) {
        await Promise.all(Array.from({ length: 10_000 / 2 / rounds }, () => ask(caller)));
      }
      for (const response of opened.splice(0)) response.destroy();
      await eventually(
        () => metric(server, 'mcp_sessions_open', alice),
        (open) => open === 0,
      );
    }
    agent.destroy();
    // Of each round three are Alice's, and leave room for two of Bob's.
    expect(statuses).toEqual({ 200: 5 * rounds, 429: 5000 - 3 * rounds, 503: 5000 - 2 * rounds });
  });

  test('when 2,000 are opened and dropped: the cap holds, and every count returns to zero', async () => {
    const statuses = new Map<number, number>();
    for (let round = 0; round < 20; round++) {
      await Promise.all(
        Array.from({ length: 100 }, async () => {
          const answer = await openStream(server, { headers: alice }).then(
            (stream) => {
              stream.close();
              return 200;
            },
            (error) => Number(/refused with (\d+)/.exec(error.message)?.[1]),
          );
          statuses.set(answer, (statuses.get(answer) ?? 0) + 1);
        }),
      );
    }
    expect([...statuses.keys()].sort()).toEqual([200, 429]);
    await eventually(
      () => metric(server, 'mcp_sessions_open', alice),
      (open) => open === 0,
    );
    const streams = await Promise.all([1, 2, 3].map(() => openStream(server, { headers: alice })));
    for (const stream of streams) stream.close();
  });
});

test('2,000 clients that reconnect at the same moment are all admitted', async () => {
  const server = await startServer('none', {
    MAX_SESSIONS_PER_CLIENT: '2000',
    MAX_CONNECTIONS_PER_ADDRESS: '3000',
  });
  const before = performance.now();
  const streams = await Promise.all(Array.from({ length: 2000 }, () => openStream(server)));
  expect(new Set(streams.map(({ endpoint }) => endpoint)).size).toBe(2000);
  // A connection that finds no place to wait tries again after 1 s, 3 s, 7 s.
  expect(performance.now() - before).toBeLessThan(10_000);
  await server.stop();
});

describe('a session that has ended leaves nothing', () => {
  let server: RunningServer;
  beforeAll(async () => {
    server = await startTestServer('none', { MAX_SESSIONS_PER_CLIENT: '1000', TRUST_PROXY: '1' });
  });
  afterAll(() => server.stop());

  async function inside() {
    const stream = await openStream(server);
    await stream.post(callTool('inside', 'inside'));
    const { result } = await stream.message('inside');
    stream.close();
    return JSON.parse(result.content[0].text);
  }

  test('running: its calls are aborted through their signals, and its MCP server is closed', async () => {
    const before = await inside();
    const stream = await openStream(server);
    await stream.post(callTool(1, 'hang'));
    await stream.post(callTool(2, 'hang'));
    stream.close();
    const after = await eventually(inside, ({ callsAborted }) => callsAborted === before.callsAborted + 2);
    // Of the others only the one that is looking is open.
    expect(after.mcpServersMade - after.mcpServersClosed).toBe(1);
  });

  test('behind: memory, timers and connections return after 1,000 sessions with calls', async () => {
    let clients = 0;
    const round = async (count: number) => {
      await Promise.all(
        Array.from({ length: count }, async (_, i) => {
          // Each from an address of its own, and a long one: if it is kept, it shows.
          const address = `${clients++}-${'x'.repeat(10_000)}`;
          const stream = await openStream(server, { headers: { 'X-Forwarded-For': address } });
          await stream.post(callTool(1, 'echo', { text: 'hello' }));
          await stream.message(1, 20_000);
          if (i % 2) await stream.post(callTool(2, 'hang'));
          stream.close();
        }),
      );
    };
    await round(100); // Code is compiled, pools are filled.
    const settled = () =>
      eventually(inside, ({ mcpServersMade, mcpServersClosed }) => mcpServersMade - mcpServersClosed === 1);
    const before = await settled();
    for (let i = 0; i < 10; i++) await round(100);
    const after = await settled();
    expect(after.resources.Timeout).toBe(before.resources.Timeout);
    expect(after.resources.TCPSocketWrap - before.resources.TCPSocketWrap).toBeLessThan(5);
    // A session left behind would be 10 KB at least, as would be what is counted for its client; 1,000 of them 10 MB.
    expect((after.heapUsed - before.heapUsed) / 1024 ** 2).toBeLessThan(5);
  });
});
