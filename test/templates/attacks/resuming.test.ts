import { McpServer } from '@modelcontextprotocol/server';
import { afterEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import {
  call,
  callTool,
  eventually,
  metric,
  openStream,
  post,
  type Stream,
  send,
} from '../support/client.js';
import { startHere } from '../support/embedded.js';
import { type RunningServer, startTestServer } from '../support/server.js';

// Sessions that wait for their clients, and clients that lie about which one is theirs: nothing is learnt, nothing
// grows, and nobody is kept waiting.

const alice = { 'X-API-Key': 'key-of-alice-0123456789' };
const bob = { 'X-API-Key': 'key-of-bob-0123456789' };
const settings = {
  API_KEY: `alice:${alice['X-API-Key']},bob:${bob['X-API-Key']}`,
  RESUME_SECONDS: '30',
};
const reconnecting = { 'MCP-Protocol-Version': '2025-06-18' };
const answerTo = (id: string) => ({ jsonrpc: '2.0', id, result: {} });

let server: RunningServer;
afterEach(() => server?.stop('SIGKILL'));

const sessions = async () => JSON.parse((await send(server, 'GET', '/health')).body).sessions as number;
const waiting = () => metric(server, 'mcp_sessions_waiting', alice);
const eventIds = (stream: Stream) => [...stream.text().matchAll(/^id: (\S+)$/gm)].map(([, id = '']) => id);

/** Milliseconds until a client that was never here before has its endpoint and a reply. */
async function fresh(headers: Record<string, string>): Promise<number> {
  const started = performance.now();
  const stream = await openStream(server, { headers });
  expect(stream.firstEvent).toBe('endpoint');
  expect((await stream.post(call('fresh', 'ping'))).status).toBe(202);
  expect(await stream.message()).toMatchObject({ id: 'fresh' });
  stream.close();
  return performance.now() - started;
}

const guesses = [
  ...[
    '',
    ':',
    ':1',
    'x',
    'x:1',
    '0:0',
    '..:1',
    '__proto__:1',
    'constructor:0',
    '*:1',
    '%00:1',
    'a:-1',
    'a:1e9',
  ],
  ...['a:NaN', `a:${'9'.repeat(30)}`, `${'a'.repeat(8000)}:1`, 'a:1, b:2', '{"a":1}', "' OR 1=1 --:1"],
];

describe('ids that are guessed', () => {
  test('as Last-Event-ID begin a session of their own', async () => {
    server = await startTestServer('apikey', settings);
    const own = await openStream(server, { headers: alice });
    for (const guess of [...guesses, `${own.endpoint.split('=')[1]}`]) {
      const stream = await openStream(server, { headers: { ...alice, 'Last-Event-ID': guess } });
      expect(stream.firstEvent, guess).toBe('endpoint');
      expect(stream.endpoint, guess).not.toBe(own.endpoint);
    }
    expect(own.isOver).toBe(false);
  });

  test('as the answer to a question: 404, and whoever is asked stays asked', async () => {
    server = await startTestServer('apikey', settings);
    const own = await openStream(server, { headers: alice });
    const asked = await openStream(server, { headers: { ...alice, ...reconnecting } });
    const { id } = JSON.parse(asked.endpoint);
    for (const guess of ['whose-session-', `${id}0`, id.slice(0, -1), id.toUpperCase(), 'whose-session-1']) {
      expect((await post(server, '/messages?sessionId=x', answerTo(guess), alice)).status).toBe(404);
    }
    // Taken as a message of the session, which knows of no such request.
    expect((await own.post(answerTo(`${id}0`))).status).toBe(202);
    expect(asked.events).toEqual([]);
    expect((await post(server, own.endpoint, answerTo(id), alice)).status).toBe(202);
    expect((await asked.next()).data).toBe(own.endpoint);
  });
});

test('an answer that is sent again, or an old event that another names, changes nothing after a takeover', async () => {
  server = await startTestServer('apikey', settings);
  const before = await openStream(server, { headers: alice });
  await before.post(callTool(1, 'echo', { text: 'for alice' }));
  await before.message(1);
  const [old = ''] = eventIds(before);
  const again = await openStream(server, { headers: { ...alice, ...reconnecting } });
  const answer = answerTo(JSON.parse(again.endpoint).id);
  await post(server, before.endpoint, answer, alice);
  expect((await again.next(({ event }) => event === 'endpoint')).data).toBe(before.endpoint);
  await before.closed;

  const other = await openStream(server, { headers: alice });
  expect((await other.post(answer)).status).toBe(202);
  const thief = await openStream(server, { headers: { ...bob, 'Last-Event-ID': old } });
  expect(thief.endpoint).not.toBe(before.endpoint);
  expect((await post(server, before.endpoint, answer, bob)).status).toBe(404);
  await post(server, before.endpoint, call(2, 'ping'), alice);
  expect(await again.message(2)).toMatchObject({ result: {} });
  for (const stream of [other, thief]) expect(stream.events).toEqual([]);
});

describe('clients that claim to reconnect and never answer', () => {
  test('hold no more streams than a client may have sessions, and nobody else waits', async () => {
    server = await startTestServer('apikey', { ...settings, MAX_SESSIONS_PER_CLIENT: '20' });
    const headers = { ...alice, ...reconnecting };
    const all = await Promise.all(
      Array.from({ length: 100 }, () => openStream(server, { headers }).catch((error: Error) => error)),
    );
    const asked = all.filter((one) => !(one instanceof Error) && one.firstEvent === 'message') as Stream[];
    const served = all.filter((one) => !(one instanceof Error) && one.firstEvent === 'endpoint') as Stream[];
    expect(asked).toHaveLength(20);
    expect(served).toHaveLength(20);
    expect(all.filter((one) => one instanceof Error && /429/.test(one.message))).toHaveLength(60);
    expect(await fresh(bob)).toBeLessThan(500);
    // When their time is up, there is no room for a session of theirs.
    await Promise.all(asked.map((stream) => stream.closed));
    expect(await sessions()).toBe(21); // One is bob's, who left.
    for (const stream of served) stream.close();
    await eventually(waiting, (count) => count === 21);
    expect(await fresh(alice)).toBeLessThan(500);
  });

  test('and leave, leave nothing behind', async () => {
    server = await startTestServer('apikey', { ...settings, RATE_LIMIT: '0' });
    for (let round = 0; round < 5; round++) {
      const asked = await Promise.all(
        Array.from({ length: 100 }, () => openStream(server, { headers: { ...alice, ...reconnecting } })),
      );
      for (const stream of asked) {
        expect(stream.firstEvent).toBe('message');
        stream.close();
      }
      await eventually(
        () => metric(server, 'mcp_connections_open', alice),
        (open) => open < 5,
      );
    }
    expect(await sessions()).toBe(0);
  });
});

test('a session that is taken over again and again is one session, with one stream', async () => {
  server = await startTestServer('apikey', settings);
  const first = await openStream(server, { headers: alice });
  await first.post(callTool(1, 'echo', { text: 'once' }));
  await first.message(1);
  const [, id = ''] = eventIds(first);
  let last = first;
  for (let i = 0; i < 200; i++) {
    const next = await openStream(server, { headers: { ...alice, 'Last-Event-ID': id } });
    expect(next.endpoint).toBe(first.endpoint);
    await last.closed;
    last = next;
  }
  expect(last.events).toEqual([]); // The client said that it has the reply.
  expect(await sessions()).toBe(1);
  expect(await metric(server, 'mcp_connections_open', alice)).toBeLessThan(5);
});

test('sessions that wait with much to deliver take a part of the heap, and cost nobody else a reply', async () => {
  const heap = 256;
  server = await startTestServer('apikey', {
    ...settings,
    MAX_BUFFERED_BYTES: '4000000',
    NODE_OPTIONS: `--max-old-space-size=${heap}`,
  });
  const honest = await openStream(server, { headers: bob });
  await honest.post(callTool(1, 'wait', { ms: 3000, text: 'for bob' }));
  honest.close();
  const greedy = await Promise.all(Array.from({ length: 50 }, () => openStream(server, { headers: alice })));
  for (const stream of greedy) stream.close();
  await eventually(waiting, (count) => count === 51);
  for (const { endpoint } of greedy) {
    for (let id = 1; id <= 3; id++)
      await post(server, endpoint, callTool(id, 'big', { bytes: 1_000_000 }), alice);
  }
  const rss = await metric(server, 'process_resident_memory_bytes', alice);
  expect(rss).toBeLessThan((heap + 150) * 1024 ** 2);
  expect(await fresh(bob)).toBeLessThan(500);
  const again = await openStream(server, { headers: { ...bob, ...reconnecting } });
  await post(server, honest.endpoint, answerTo(JSON.parse(again.endpoint).id), bob);
  expect((await again.message(1, 6000)).result.content[0].text).toBe('for bob');
});

describe('when the room for events is full', () => {
  /** A server with one tool, whose result is as long as asked and comes when `finish` is called. */
  async function startWithRoomFor(maxBytes: number) {
    const waiting: (() => void)[] = [];
    const createMcpServer = () => {
      const mcpServer = new McpServer({ name: 'test', version: '1.0.0' });
      const inputSchema = z.object({ bytes: z.number(), waits: z.boolean() });
      mcpServer.registerTool('text', { inputSchema }, async ({ bytes, waits }) => {
        if (waits) await new Promise<void>((resolve) => waiting.push(resolve));
        return { content: [{ type: 'text', text: 'x'.repeat(bytes) }] };
      });
      return mcpServer;
    };
    const here = await startHere({ RESUME_SECONDS: '30', RATE_LIMIT: '0' }, { createMcpServer });
    Object.assign(here.sessions.storage, { maxBytes });
    /** A client that calls the tool, and is cut off before the result comes. */
    const leaveDuringCall = async (bytes: number) => {
      const running = waiting.length;
      const stream = await openStream(here);
      await stream.post(callTool(1, 'text', { bytes, waits: true }));
      await eventually(
        async () => waiting.length,
        (count) => count === running + 1,
      );
      const before = here.sessions.waiting;
      stream.close();
      await eventually(
        async () => here.sessions.waiting,
        (count) => count === before + 1,
      );
      return {
        finish: waiting[running] as () => void,
        comeBack: () => openStream(here, { headers: { 'Last-Event-ID': eventIds(stream).at(-1) as string } }),
        endpoint: stream.endpoint,
      };
    };
    return { here, leaveDuringCall };
  }

  test('of replies that others got, those that wait find room', async () => {
    const { here, leaveDuringCall } = await startWithRoomFor(10_000);
    const away = await leaveDuringCall(3000);
    const busy = await openStream(here);
    for (let id = 1; id <= 30; id++) {
      await busy.post(callTool(id, 'text', { bytes: 500, waits: false }));
      await busy.message(id);
    }
    away.finish();
    const again = await away.comeBack();
    expect(again.endpoint).toBe(away.endpoint);
    expect((await again.message(1)).result.content[0].text).toHaveLength(3000);
  });

  test('the client for which most waits loses its session, not the one whose reply came last', async () => {
    const { here, leaveDuringCall } = await startWithRoomFor(10_000);
    const greedy = await leaveDuringCall(7000);
    const modest = await leaveDuringCall(5000);
    greedy.finish();
    await eventually(
      async () => here.sessions.storage.bytes,
      (bytes) => bytes > 7000,
    );
    modest.finish();
    const again = await modest.comeBack();
    expect(again.endpoint).toBe(modest.endpoint);
    expect((await again.message(1)).result.content[0].text).toHaveLength(5000);
    expect((await greedy.comeBack()).endpoint).not.toBe(greedy.endpoint);
  });
});

test('while 300 clients of one key come back at once, fresh ones wait for nothing and get nothing of theirs', async () => {
  server = await startTestServer('apikey', {
    ...settings,
    RATE_LIMIT: '100',
    MAX_SESSIONS_PER_CLIENT: '1000',
  });
  const before = await Promise.all(Array.from({ length: 300 }, () => openStream(server, { headers: alice })));
  /** Fewer than one client may have running. */
  const calls = 80;
  for (const [i, stream] of before.entries()) {
    if (i < calls) await stream.post(callTool(i, 'wait', { ms: 3000, text: `for ${i}` }));
  }
  for (const stream of before) stream.close();
  // On a busy machine some answer too late, and begin anew; that none does is tested where nothing else is measured.
  const back = before.map(async ({ endpoint }, i) => {
    const asked = await openStream(server, { headers: { ...alice, ...reconnecting } });
    await post(server, endpoint, answerTo(JSON.parse(asked.endpoint).id), alice);
    const { data } = await asked.next(({ event }) => event === 'endpoint');
    if (i < calls && data === endpoint) {
      expect((await asked.message(i)).result.content[0].text).toBe(`for ${i}`);
    }
  });
  const times = [];
  for (let i = 0; i < 10; i++) times.push(await fresh(i % 2 === 0 ? alice : bob));
  await Promise.all(back);
  // Whoever is asked waits for a second at least.
  expect(times.sort((a, b) => a - b)[5]).toBeLessThan(1000);
});
