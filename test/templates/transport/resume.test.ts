import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { call, callTool, eventually, metric, openStream, post, send } from '../support/client.js';
import { type CuttingProxy, cuttingProxy } from '../support/cutting-proxy.js';
import { sdkClients } from '../support/sdk-clients.js';
import { goodHeaders, type RunningServer, startTestServer } from '../support/server.js';

// A session outlives its stream: what was on its way when the stream was cut is delivered when its client comes back.

const headers = goodHeaders.apikey;

let server: RunningServer;
let proxy: CuttingProxy;
beforeAll(async () => {
  server = await startTestServer('apikey', { RESUME_SECONDS: '10', MAX_SESSIONS_PER_CLIENT: '1000' });
  proxy = await cuttingProxy(server);
});
afterAll(async () => {
  proxy.close();
  await server.stop();
});

describe.each(sdkClients('/sse', headers))('an unmodified client of %s', (_, open) => {
  test('gets the replies of calls whose stream was cut, each its own', async () => {
    const all = await Promise.all(Array.from({ length: 10 }, () => open(proxy.origin)));
    const replies = all.map((client, i) =>
      client.callTool({ name: 'wait', arguments: { ms: 200 + 50 * i, text: `for client ${i}` } }),
    );
    await new Promise((resolve) => setTimeout(resolve, 100));
    proxy.cut();
    const texts = (await Promise.all(replies)).map(({ content }) => (content as { text: string }[])[0]?.text);
    expect(texts).toEqual(all.map((_, i) => `for client ${i}`));
    await Promise.all(all.map((client) => client.close()));
  }, 20_000);
});

const initialize = (protocolVersion: string) =>
  call('initialize', 'initialize', {
    protocolVersion,
    capabilities: {},
    clientInfo: { name: 'test', version: '1.0.0' },
  });
const answerTo = (id: string) => ({ jsonrpc: '2.0', id, result: {} });
const reconnecting = { ...headers, 'MCP-Protocol-Version': '2025-06-18' };

/** Opens a stream as a client does that reconnects, up to the question which session is its own. */
async function reconnect(extra: Record<string, string> = reconnecting, to = server) {
  const asked = await rawStream(extra, to);
  const { id, method } = JSON.parse(asked.first.data);
  expect(method).toBe('ping');
  return { ...asked, id: id as string };
}

/** Resolves when that many sessions wait for their clients. */
const waiting = (one: RunningServer, count: number) =>
  eventually(
    () => metric(one, 'mcp_sessions_waiting', headers),
    (now) => now === count,
  );

/** A stream whose first event may be another than `endpoint`. */
async function rawStream(extra: Record<string, string>, to = server) {
  const stream = await openStream(to, { headers: extra });
  return Object.assign(stream, { first: { event: stream.firstEvent, data: stream.endpoint } });
}

describe('a client that reconnects', () => {
  test('is asked, and its answer to the old URL names its session', async () => {
    const before = await openStream(server, { headers });
    await before.post(callTool(1, 'wait', { ms: 300, text: 'late' }));
    before.close();
    const again = await reconnect();
    expect((await post(server, before.endpoint, answerTo(again.id), headers)).status).toBe(202);
    expect((await again.next(({ event }) => event === 'endpoint')).data).toBe(before.endpoint);
    expect((await again.message(1)).result.content[0].text).toBe('late');
    again.close();
  });

  test('that answers at a URL whose session is gone gets a new session at once', async () => {
    const again = await reconnect();
    const started = performance.now();
    const gone = '/messages?sessionId=gone';
    expect((await post(server, gone, answerTo(again.id), headers)).status).toBe(202);
    expect((await again.next(({ event }) => event === 'endpoint')).data).toContain('sessionId=');
    expect(performance.now() - started).toBeLessThan(1500);
    again.close();
  });

  test('that does not answer gets a new session within 2 seconds', async () => {
    const again = await reconnect();
    expect((await again.next(({ event }) => event === 'endpoint', 3000)).data).toContain('sessionId=');
    again.close();
  });

  test('that names an event gets what came after it, and nothing that it has', async () => {
    const before = await openStream(server, { headers });
    for (const id of [1, 2, 3]) {
      await before.post(callTool(id, 'echo', { text: `reply ${id}` }));
      await before.message(id);
    }
    const [, , second] = [...before.text().matchAll(/^id: (\S+)$/gm)].map(([, id]) => id as string);
    before.close();
    const again = await openStream(server, { headers: { ...headers, 'Last-Event-ID': second as string } });
    expect(again.endpoint).toBe(before.endpoint);
    expect(await again.message()).toMatchObject({ id: 3 });
    await again.post(call(4, 'ping'));
    expect(await again.message()).toMatchObject({ id: 4 });
    again.close();
  });

  test('that was cut after the endpoint event names that, and gets its first reply', async () => {
    const before = await openStream(server, { headers });
    const [, id = ''] = /^id: (\S+)$/m.exec(before.text()) ?? [];
    await before.post(callTool(1, 'wait', { ms: 300, text: 'first' }));
    before.close();
    const again = await openStream(server, { headers: { ...headers, 'Last-Event-ID': id } });
    expect(again.endpoint).toBe(before.endpoint);
    expect((await again.message(1)).result.content[0].text).toBe('first');
    again.close();
  });

  test('takes its session over from a stream that still looks alive, and that one ends', async () => {
    const before = await openStream(server, { headers });
    await before.post(callTool(1, 'echo', { text: 'lost on the way' }));
    await before.message(1);
    const again = await reconnect();
    await post(server, before.endpoint, answerTo(again.id), headers);
    expect((await again.message(1)).result.content[0].text).toBe('lost on the way');
    await before.closed;
    again.close();
  });

  test.each([
    ['without the header', {}],
    ['with the first protocol version', { 'MCP-Protocol-Version': '2024-11-05' }],
    ['Python', { 'User-Agent': 'python-httpx/0.28.1' }],
  ])('%s, is not asked', async (_, more) => {
    const stream = await rawStream({ ...headers, ...more });
    expect(stream.first.event).toBe('endpoint');
    stream.close();
  });

  test.each([
    ['Java', { 'MCP-Protocol-Version': '2024-11-05', 'User-Agent': 'Java-http-client/21.0.2' }],
    ['Python', { 'User-Agent': 'python-httpx/0.28.1' }],
    ['Go', { 'User-Agent': 'Go-http-client/1.1' }],
    ['one that says nothing of itself', {}],
    ['one with an odd name', { 'User-Agent': 'node/20' }],
  ])(
    '%s, is served at once, while a session of the same caller has something to deliver',
    async (_, more) => {
      const before = await openStream(server, { headers });
      await before.post(callTool(1, 'wait', { ms: 5000 }));
      before.close();
      await eventually(
        () => metric(server, 'mcp_sessions_waiting', headers),
        (waiting) => waiting > 0,
      );
      const started = performance.now();
      const stream = await openStream(server, { headers: { ...headers, ...more } });
      expect(stream.firstEvent).toBe('endpoint');
      expect(stream.endpoint).not.toBe(before.endpoint);
      expect(performance.now() - started).toBeLessThan(500); // A client that is asked waits for a second at least.
      stream.close();
    },
  );

  test('as older SDKs do is asked only while one of its sessions has something to deliver, or to deliver again', async () => {
    // One where nobody else's sessions wait.
    const one = await startTestServer('apikey', { RESUME_SECONDS: '10' });
    const node = { ...headers, 'User-Agent': 'node' };
    const idle = await rawStream(node, one);
    expect(idle.first.event).toBe('endpoint');
    idle.close();
    await waiting(one, 1);
    const busy = await rawStream(node, one);
    expect(busy.first.event).toBe('endpoint');
    await busy.post(callTool(1, 'wait', { ms: 600, text: 'for an old client' }));
    busy.close();
    await waiting(one, 2);
    let again = await reconnect(node, one);
    await post(one, busy.endpoint, answerTo(again.id), headers);
    expect((await again.message(1)).result.content[0].text).toBe('for an old client');
    // It may not have arrived.
    again.close();
    await waiting(one, 2);
    again = await reconnect(node, one);
    await post(one, busy.endpoint, answerTo(again.id), headers);
    expect((await again.message(1)).result.content[0].text).toBe('for an old client');
    again.close();
    await one.stop();
  });
});

// SDK 1.12 and older do not say that they reconnect. They may have seen their stream end before the server does.
describe('a client that does not say whether it was here before', () => {
  const node = { ...headers, 'User-Agent': 'node' };
  let one: RunningServer;
  beforeEach(async () => {
    one = await startTestServer('apikey', { RESUME_SECONDS: '30' });
  });
  afterEach(() => one.stop('SIGKILL'));

  /** A client of a protocol version that has initialised, as far as the server can tell. */
  async function client(protocolVersion: string, extra: Record<string, string> = node) {
    const stream = await openStream(one, { headers: extra });
    await stream.post(initialize(protocolVersion));
    await stream.message('initialize');
    await stream.post({ jsonrpc: '2.0', method: 'notifications/initialized' });
    return stream;
  }
  const isAsked = async () => {
    const stream = await rawStream(node, one);
    stream.close();
    return stream.first.event === 'message';
  };

  // From 2025-06-18 on the client would say so.
  test.each([
    ['2024-11-05', 'looks alive', true],
    ['2025-03-26', 'looks alive', true],
    ['2025-06-18', 'looks alive', false],
    ['2025-11-25', 'looks alive', false],
    ['2025-03-26', 'was cut', true],
    ['2025-06-18', 'was cut', false],
    ['2025-11-25', 'was cut', false],
  ])(
    'while a call of a client of %s runs whose stream %s: is asked: %s',
    async (version, state, expected) => {
      const stream = await client(version);
      await stream.post(callTool(1, 'hang'));
      if (state === 'was cut') {
        stream.close();
        await waiting(one, 1);
      }
      expect(await isAsked()).toBe(expected);
      stream.close();
    },
  );

  test('while a call runs in a session that nobody initialised, is asked', async () => {
    const stream = await openStream(one, { headers: node });
    await stream.post(callTool(1, 'hang'));
    expect(await isAsked()).toBe(true);
    stream.close();
  });

  test('while a call of a client runs that is no SDK, is not asked', async () => {
    const stream = await client('2025-03-26', { ...headers, 'User-Agent': 'python-httpx/0.28.1' });
    await stream.post(callTool(1, 'hang'));
    expect(await isAsked()).toBe(false);
    stream.close();
  });

  test('while another waits that was cut before the reply to its initialize, is asked', async () => {
    const stream = await openStream(one, { headers: node });
    await stream.post(initialize('2025-11-25'));
    stream.close();
    await waiting(one, 1);
    const again = await reconnect(node, one);
    await post(one, stream.endpoint, answerTo(again.id), headers);
    expect((await again.message('initialize')).result.protocolVersion).toBe('2025-11-25');
    again.close();
  });

  test('gets what it lacks of a stream that still looks alive: a running call, and a reply that was written', async () => {
    const stream = await client('2025-03-26');
    await stream.post(callTool(1, 'echo', { text: 'lost on the way' }));
    await stream.message(1);
    await stream.post(callTool(2, 'wait', { ms: 300, text: 'late' }));
    const again = await reconnect(node, one);
    await post(one, stream.endpoint, answerTo(again.id), headers);
    expect((await again.next(({ event }) => event === 'endpoint')).data).toBe(stream.endpoint);
    expect((await again.message(1)).result.content[0].text).toBe('lost on the way');
    expect((await again.message(2)).result.content[0].text).toBe('late');
    await stream.closed;
    again.close();
  });

  test('is asked for as long as a client that lost a reply may need to come back, and waits for a second at most', async () => {
    const stream = await client('2025-03-26');
    expect(await isAsked()).toBe(false); // It has the reply to its initialize.
    await stream.post(callTool(1, 'echo', { text: 'here' }));
    await stream.message(1);
    const repliedAt = performance.now();
    const fresh = await reconnect(node, one);
    const askedAt = performance.now();
    await fresh.next(({ event }) => event === 'endpoint');
    expect(performance.now() - askedAt).toBeLessThan(1300);
    await new Promise((resolve) => setTimeout(resolve, 3300 - (performance.now() - repliedAt)));
    expect(await isAsked()).toBe(true); // Clients come back after 3 s.
    await eventually(isAsked, (asked) => !asked, 4000);
    for (const each of [stream, fresh]) each.close();
  });
});

describe('nothing is learnt of the session of another caller', () => {
  let shared: RunningServer;
  const alice = { 'X-API-Key': 'key-of-alice-0123456789' };
  const bob = { 'X-API-Key': 'key-of-bob-0123456789' };
  beforeAll(async () => {
    shared = await startTestServer('apikey', {
      API_KEY: `alice:${alice['X-API-Key']},bob:${bob['X-API-Key']}`,
      RESUME_SECONDS: '5',
    });
  });
  afterAll(() => shared.stop());

  test('by naming its events', async () => {
    const stream = await openStream(shared, { headers: alice });
    await stream.post(callTool(1, 'echo', { text: 'for alice' }));
    await stream.message(1);
    const [id] = /^id: (\S+)$/m.exec(stream.text())?.slice(1) ?? [];
    const asBob = await openStream(shared, {
      headers: { ...bob, 'Last-Event-ID': id?.replace(/\d+$/, '0') as string },
    });
    expect(asBob.endpoint).not.toBe(stream.endpoint);
    await asBob.post(call(2, 'ping'));
    expect(await asBob.message()).toMatchObject({ id: 2 });
    expect(stream.isOver).toBe(false);
    for (const one of [stream, asBob]) one.close();
  });

  test('by answering the question at its URL', async () => {
    const stream = await openStream(shared, { headers: alice });
    const asked = await openStream(shared, { headers: { ...bob, 'MCP-Protocol-Version': '2025-06-18' } });
    const { id } = JSON.parse(asked.endpoint);
    expect((await post(shared, stream.endpoint, answerTo(id), bob)).status).toBe(202);
    const { data } = await asked.next(({ event }) => event === 'endpoint');
    expect(data).not.toBe(stream.endpoint);
    expect(stream.isOver).toBe(false);
    for (const one of [stream, asked]) one.close();
  });

  test("by answering another's question", async () => {
    const asked = await openStream(shared, { headers: { ...alice, 'MCP-Protocol-Version': '2025-06-18' } });
    const { id } = JSON.parse(asked.endpoint);
    const own = await openStream(shared, { headers: bob });
    await post(shared, own.endpoint, answerTo(id), bob);
    const { data } = await asked.next(({ event }) => event === 'endpoint', 3000);
    expect(data).not.toBe(own.endpoint);
    for (const one of [own, asked]) one.close();
  });
});

describe('a session that waits', () => {
  const started: RunningServer[] = [];
  afterEach(async () => {
    await Promise.all(started.splice(0).map((one) => one.stop()));
  });
  async function start(settings: Record<string, string>) {
    const one = await startTestServer('apikey', settings);
    started.push(one);
    return one;
  }
  const sessions = (one: RunningServer) => async () =>
    JSON.parse((await send(one, 'GET', '/health')).body).sessions as number;

  test('ends after RESUME_SECONDS, and its calls learn it', async () => {
    const one = await start({ RESUME_SECONDS: '1' });
    const stream = await openStream(one, { headers });
    await stream.post(callTool(1, 'hang'));
    stream.close();
    await one.logged({ msg: 'session closed', reason: 'client_gone' });
    await eventually(sessions(one), (count) => count === 0);
    const watcher = await openStream(one, { headers });
    await watcher.post(callTool(1, 'inside'));
    expect(JSON.parse((await watcher.message(1)).result.content[0].text).callsAborted).toBe(1);
  });

  test('with RESUME_SECONDS=0 a session ends with its stream, and clients are not asked', async () => {
    const one = await start({ RESUME_SECONDS: '0' });
    const stream = await openStream(one, { headers });
    stream.close();
    await eventually(sessions(one), (count) => count === 0, 1000);
    expect((await openStream(one, { headers: reconnecting })).firstEvent).toBe('endpoint');
  });

  test('makes room for others of its client, those with nothing to deliver first', async () => {
    const one = await start({ RESUME_SECONDS: '30', MAX_SESSIONS_PER_CLIENT: '2' });
    const [busy, idle] = [await openStream(one, { headers }), await openStream(one, { headers })];
    await busy.post(callTool(1, 'hang'));
    for (const stream of [busy, idle]) stream.close();
    await waiting(one, 2);
    const next = await openStream(one, { headers });
    expect((await post(one, busy.endpoint, call(2, 'ping'), headers)).status).toBe(202);
    expect((await post(one, idle.endpoint, call(2, 'ping'), headers)).status).toBe(404);
    next.close();
  });

  test('ends when more than MAX_BUFFERED_BYTES wait for its client', async () => {
    const one = await start({ RESUME_SECONDS: '30', MAX_BUFFERED_BYTES: '100000' });
    const stream = await openStream(one, { headers });
    stream.close();
    await waiting(one, 1);
    for (let id = 1; id <= 3; id++)
      await post(one, stream.endpoint, callTool(id, 'big', { bytes: 60_000 }), headers);
    await one.logged({ msg: 'session closed', reason: 'reader_too_slow' });
  });
});

test('300 clients of one key that are cut at once all get their sessions back', async () => {
  const one = await startTestServer('apikey', {
    MAX_SESSIONS_PER_CLIENT: '1000',
    RATE_LIMIT: '100',
    RESUME_SECONDS: '30',
  });
  const before = [];
  for (let i = 0; i < 300; i++) before.push(await openStream(one, { headers }));
  for (const stream of before) stream.close();
  const endpoints = await Promise.all(
    before.map(async ({ endpoint }) => {
      const asked = await openStream(one, { headers: reconnecting });
      const { id } = JSON.parse(asked.endpoint);
      expect((await post(one, endpoint, answerTo(id), headers)).status).toBe(202);
      return (await asked.next(({ event }) => event === 'endpoint')).data;
    }),
  );
  expect(endpoints).toEqual(before.map(({ endpoint }) => endpoint));
  await one.stop();
});
