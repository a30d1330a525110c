import { describe, expect, test } from 'vitest';
import { call, callTool, eventually, openStream, post, send } from '../templates/support/client.js';
import {
  alice,
  bob,
  connected,
  cutOff,
  echo,
  type Node,
  openSession,
  startCluster,
} from './support/cluster.js';
import { type Redis, startRedis } from './support/redis.js';

// A client whose stream was cut comes back to another process than its session's.

const answerTo = (id: string) => ({ jsonrpc: '2.0', id, result: {} });

/** Opens a stream as an SDK client does that reconnects, up to the question which session is its own. */
async function reconnect(node: { port: number }, headers = alice) {
  const stream = await openStream(node, { headers: { ...headers, 'MCP-Protocol-Version': '2025-06-18' } });
  const { id, method } = JSON.parse(stream.endpoint);
  expect(method).toBe('ping');
  const endpoint = async () => (await stream.next(({ event }) => event === 'endpoint', 3000)).data;
  return Object.assign(stream, { question: id as string, nextEndpoint: endpoint });
}

/** The same with the answer, as the client gives it: at the URL that it knew, wherever that arrives. */
async function comeBack(node: Node, { endpoint }: { endpoint: string }, via: { port: number }) {
  const stream = await reconnect(node);
  expect(await post(via, endpoint, answerTo(stream.question), alice)).toMatchObject({ status: 202 });
  return stream;
}

const initialize = (capabilities: object) =>
  call(0, 'initialize', {
    protocolVersion: '2025-06-18',
    capabilities,
    clientInfo: { name: 'test', version: '1.0.0' },
  });

/** Resolves when Redis knows that a call runs at this process. */
async function running(redis: Redis, node: string): Promise<void> {
  const client = await redis.connect();
  await eventually(
    () => client.hLen(`test-server:calls:${node}`),
    (sessions) => sessions > 0,
  );
  client.destroy();
}

describe('a client that reconnects to another process', () => {
  test.each([0, 1, 2])('gets what its session sends, if its answer arrives at process %i', async (via) => {
    const { nodes } = await startCluster({ RESUME_SECONDS: '30' });
    const [a, b] = nodes;
    const before = await openSession(a);
    await before.post(callTool(1, 'wait', { ms: 500, text: 'late' }));
    before.close();

    const again = await comeBack(b, before, nodes[via] as Node);

    expect(await again.nextEndpoint()).toBe(before.endpoint);
    expect((await again.message(1)).result.content[0].text).toBe('late');
    for (const [id, node] of nodes.entries()) {
      expect(await post(node, before.endpoint, echo(10 + id, 'more'), alice)).toMatchObject({ status: 202 });
      await again.message(10 + id);
    }
    expect(again.events).toEqual([]);
    again.close();
  });

  test('answers its server, and cancels, over the stream that it has now', async () => {
    const { nodes } = await startCluster({ RESUME_SECONDS: '30' });
    const [a, b, c] = nodes;
    const before = await openSession(a);
    before.close();
    const again = await comeBack(b, before, c);
    await again.nextEndpoint();

    await post(c, before.endpoint, callTool(1, 'ask', { method: 'ping', params: {} }), alice);
    const question = await again.notification('ping');
    await post(b, before.endpoint, answerTo(question.id), alice);
    expect((await again.message(1)).result.content[0].text).toBe('{}');
    again.close();
  });

  test('names an event, and gets what came after it', async () => {
    const { nodes } = await startCluster({ RESUME_SECONDS: '30' });
    const [a, b] = nodes;
    const before = await openSession(a);
    for (const id of [1, 2, 3]) {
      await before.post(echo(id, `reply ${id}`));
      await before.message(id);
    }
    const [, , second] = [...before.text().matchAll(/^id: (\S+)$/gm)].map(([, id]) => id as string);
    before.close();
    const again = await openStream(b, { headers: { ...alice, 'Last-Event-ID': second as string } });
    expect(again.endpoint).toBe(before.endpoint);
    expect(await again.message()).toMatchObject({ id: 3 });
    again.close();
  });

  test('and is cut again, twice, gets each reply once', async () => {
    const { nodes } = await startCluster({ RESUME_SECONDS: '30' });
    const [a, b, c] = nodes;
    const before = await openSession(a);
    await before.post(callTool(1, 'wait', { ms: 800, text: 'late' }));
    before.close();
    const second = await comeBack(b, before, a);
    await second.nextEndpoint();
    second.close();
    const third = await comeBack(c, before, b);
    await third.nextEndpoint();
    expect((await third.message(1)).result.content[0].text).toBe('late');
    await post(a, before.endpoint, echo(2, 'then'), alice);
    await third.message(2);
    expect(third.events).toEqual([]);
    third.close();
  });

  test('gets a new session within 2 s if it does not answer', async () => {
    const { nodes } = await startCluster({ RESUME_SECONDS: '30' });
    const again = await reconnect(nodes[1]);
    expect(await again.nextEndpoint()).toMatch(/sessionId=b\./);
    again.close();
  });

  test('gets a large result whole, and an error for one that cannot be carried', async () => {
    const { nodes } = await startCluster({ RESUME_SECONDS: '30' });
    const [a, b, c] = nodes;
    const before = await openSession(a);
    before.close();
    const again = await comeBack(b, before, a);
    await again.nextEndpoint();
    await post(a, before.endpoint, callTool(1, 'big', { bytes: 8_000_000 }), alice);
    expect((await again.message(1)).result.content[0].text).toHaveLength(8_000_000);
    await post(a, before.endpoint, callTool(2, 'big', { bytes: 26_000_000 }), alice);
    expect((await again.message(2)).error.message).toContain('too large');
    await post(c, before.endpoint, echo(3, 'then'), alice);
    await again.message(3);
    again.close();
  });
});

test('an answer to the question of another process is not counted by RATE_LIMIT', async () => {
  const { nodes } = await startCluster({ RESUME_SECONDS: '30', RATE_LIMIT: '1' });
  const [a, b, c] = nodes;
  const before = await openSession(a);
  before.close();
  const again = await reconnect(b);
  const statuses = [];
  for (let id = 1; id <= 4; id++)
    statuses.push((await post(c, before.endpoint, echo(id, 'x'), alice)).status);
  expect(statuses).toContain(429);
  expect(await post(c, before.endpoint, answerTo(again.question), alice)).toMatchObject({ status: 202 });
  expect(await again.nextEndpoint()).toBe(before.endpoint);
  again.close();
});

describe('when the process that has the stream of a session is killed', () => {
  test('what the session sends waits for its client to come back', async () => {
    const { nodes } = await startCluster({ RESUME_SECONDS: '30' });
    const [a, b, c] = nodes;
    const before = await openSession(a);
    before.close();
    const again = await comeBack(b, before, a);
    await again.nextEndpoint();
    await post(c, before.endpoint, callTool(1, 'wait', { ms: 300, text: 'late' }), alice);
    await b.stop('SIGKILL');
    await again.closed;
    const third = await comeBack(c, before, a);
    expect(await third.nextEndpoint()).toBe(before.endpoint);
    expect((await third.message(1)).result.content[0].text).toBe('late');
    third.close();
  });
});

describe('when the process of a session is killed', () => {
  test.each([0, 1])(
    'its client, %i times cut before, goes on elsewhere with what it told, and is told which calls are lost',
    async (cuts) => {
      const { nodes, redis } = await startCluster({ RESUME_SECONDS: '30' });
      const [a, b, c] = nodes;
      let stream = await openSession(a);
      const { endpoint } = stream;
      await stream.post(initialize({ elicitation: {}, roots: {} }));
      await stream.message(0);
      await stream.post({ jsonrpc: '2.0', method: 'notifications/initialized' });
      await stream.post(call(1, 'logging/setLevel', { level: 'error' }));
      await stream.message(1);
      if (cuts > 0) {
        stream.close();
        stream = await comeBack(b, stream, c);
        await (stream as Awaited<ReturnType<typeof reconnect>>).nextEndpoint();
      }
      expect(await post(c, endpoint, callTool(2, 'hang'), alice)).toMatchObject({ status: 202 });
      await running(redis, 'a');

      await a.stop('SIGKILL');

      const again = cuts > 0 ? stream : await comeBack(b, { endpoint }, c);
      const moved = (await again.next(({ event }) => event === 'endpoint', 6000)).data;
      expect(moved).toMatch(/sessionId=b\./);
      expect((await again.message(2)).error.message).toBe('The process that ran the call ended');
      await post(c, moved, callTool(3, 'ask', { method: 'roots/list', params: {} }), alice);
      const asked = await again.notification('roots/list');
      await post(c, moved, { jsonrpc: '2.0', id: asked.id, result: { roots: [] } }, alice);
      expect((await again.message(3)).result.content[0].text).toBe('{"roots":[]}');
      // Below the level that the client asked for.
      await post(c, moved, callTool(4, 'log', { data: 'quiet' }), alice);
      await again.message(4);
      expect(again.text()).not.toContain('quiet');
      expect(again.text().match(/"id":2\b/g)).toHaveLength(1);
      again.close();
    },
  );
});

test('nothing is learnt of the session of another caller', async () => {
  const { nodes } = await startCluster({ RESUME_SECONDS: '30' });
  const [a, b, c] = nodes;
  const stream = await openSession(a);
  await stream.post(echo(1, 'for alice'));
  await stream.message(1);
  const [, event = ''] = /^id: (\S+)$/m.exec(stream.text()) ?? [];
  const asBob = await openStream(b, { headers: { ...bob, 'Last-Event-ID': event.replace(/\d+$/, '0') } });
  expect(asBob.endpoint).toMatch(/sessionId=b\./);

  // A question to Bob, answered at the URL of Alice; and a question to Alice, answered by Bob.
  const asked = await reconnect(b, bob);
  expect(await post(c, stream.endpoint, answerTo(asked.question), bob)).toMatchObject({ status: 202 });
  expect(await asked.nextEndpoint()).toMatch(/sessionId=b\./);
  const askedAlice = await reconnect(b, alice);
  expect(await post(c, asBob.endpoint, answerTo(askedAlice.question), bob)).toMatchObject({ status: 202 });
  // A question that nobody asked.
  expect(await post(c, stream.endpoint, answerTo('whose-session-b.guessed'), alice)).toMatchObject({
    status: 202, // An answer without a question means nothing to the session that gets it.
  });
  expect(await askedAlice.nextEndpoint()).toMatch(/sessionId=b\./);
  expect(stream.isOver).toBe(false);
  for (const one of [stream, asBob, asked, askedAlice]) one.close();
});

test('nobody but its caller takes over the session of a process that was killed', async () => {
  const { nodes, redis } = await startCluster({ RESUME_SECONDS: '30' });
  const [a, b, c] = nodes;
  const before = await openSession(a);
  await before.post(initialize({ roots: {} }));
  await before.message(0);
  await before.post(callTool(1, 'hang'));
  const [, event = ''] = /^id: (\S+)$/m.exec(before.text()) ?? [];
  await running(redis, 'a');
  await a.stop('SIGKILL');

  const asBob = await openStream(b, { headers: { ...bob, 'Last-Event-ID': event } });
  expect(asBob.endpoint).toMatch(/sessionId=b\./);
  const asked = await reconnect(b, bob);
  expect(await post(c, before.endpoint, answerTo(asked.question), bob)).toMatchObject({ status: 202 });
  await asked.nextEndpoint();
  for (const other of [asBob, asked]) expect(other.text()).not.toContain('process that ran the call ended');

  const again = await comeBack(b, before, c);
  await again.nextEndpoint();
  expect((await again.message(1)).error.message).toBe('The process that ran the call ended');
  for (const one of [asBob, asked, again]) one.close();
});

test('what is kept of a session is no more than its client told, and is gone with it', async () => {
  const { nodes, redis } = await startCluster({ RESUME_SECONDS: '1' });
  const [a] = nodes;
  const client = await redis.connect();
  const kept = async () => Object.entries(await client.hGetAll('test-server:told:a'));
  const stream = await openSession(a);
  const initialized = initialize({ roots: {} });
  await stream.post({
    ...initialized,
    params: { ...initialized.params, _meta: { secret: 'of the client' } },
  });
  await stream.message(0);
  const [[key = '', value = ''] = []] = await eventually(kept, ({ length }) => length > 0);
  expect(stream.endpoint).not.toContain(key);
  expect(value).not.toContain('secret');
  expect(JSON.parse(value)[0]).toEqual({ method: 'initialize', params: initialized.params });
  await stream.post(callTool(1, 'hang'));
  await eventually(
    () => client.hGetAll('test-server:calls:a'),
    (calls) => calls[key] === '[1]',
  );
  // More than 8 KB is not kept.
  for (let id = 2; id < 12; id++)
    await stream.post(call(id, 'resources/subscribe', { uri: `odd://${'x'.repeat(1000)}${id}` }));
  await eventually(kept, (entries) => entries[0]?.[1] === '[]');
  stream.close();
  await eventually(kept, ({ length }) => length === 0);
  expect(await client.exists('test-server:calls:a')).toBe(0);
  client.destroy();
});

describe('when the process of a session stops', () => {
  const settings = { RESUME_SECONDS: '30', SHUTDOWN_SECONDS: '4' };

  test('an idle client is let go at once and goes on elsewhere with what it told, and the process exits', async () => {
    const { nodes } = await startCluster(settings);
    const [a, b, c] = nodes;
    const before = await openSession(a);
    await before.post(initialize({ roots: {} }));
    await before.message(0);

    const stopped = a.stop('SIGTERM');
    await before.closed;
    const again = await comeBack(b, before, c);

    const moved = await again.nextEndpoint();
    expect(moved).toMatch(/sessionId=b\./);
    expect(await stopped).toEqual({ code: 0, signal: null });
    await post(c, moved, callTool(3, 'ask', { method: 'roots/list', params: {} }), alice);
    const asked = await again.notification('roots/list');
    await post(c, moved, { jsonrpc: '2.0', id: asked.id, result: { roots: [] } }, alice);
    expect((await again.message(3)).result.content[0].text).toBe('{"roots":[]}');
    again.close();
  });

  test('a running call is answered where its client is now, also one that asks the client meanwhile', async () => {
    const { nodes } = await startCluster(settings);
    const [a, b, c] = nodes;
    const before = await openSession(a);
    await before.post(initialize({ roots: {} }));
    await before.post(callTool(1, 'ask', { method: 'roots/list', params: {} }));
    const first = await before.notification('roots/list');
    await before.post(callTool(2, 'wait', { ms: 1500, text: 'late' }));

    const stopped = a.stop('SIGTERM');
    await before.closed;
    const again = await comeBack(b, before, c);
    const moved = await again.nextEndpoint();
    // The session that goes on counts its requests from 0 too.
    await post(c, moved, callTool(3, 'ask', { method: 'roots/list', params: {} }), alice);
    const second = await again.notification('roots/list');
    expect(second.id).not.toBe(first.id);
    const rootsOf = (name: string) => ({ roots: [{ uri: `file:///${name}` }] });
    await post(c, moved, { ...answerTo(first.id), result: rootsOf('first') }, alice);
    await post(b, moved, { ...answerTo(second.id), result: rootsOf('second') }, alice);

    expect((await again.message(1)).result.content[0].text).toContain('file:///first');
    expect((await again.message(3)).result.content[0].text).toContain('file:///second');
    expect((await again.message(2)).result.content[0].text).toBe('late');
    expect(await stopped).toEqual({ code: 0, signal: null });
    again.close();
  });

  test('a call can be cancelled after its client went on elsewhere', async () => {
    const { nodes } = await startCluster({ ...settings, SHUTDOWN_SECONDS: '20' });
    const [a, b, c] = nodes;
    const before = await openSession(a);
    await before.post(callTool(1, 'hang'));
    const stopped = a.stop('SIGTERM');
    await before.closed;
    const again = await comeBack(b, before, c);
    const moved = await again.nextEndpoint();
    const cancelled = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } };
    const startedAt = performance.now();
    await post(c, moved, cancelled, alice);
    expect(await stopped).toEqual({ code: 0, signal: null });
    expect(performance.now() - startedAt).toBeLessThan(5000);
    again.close();
  });

  test.each(['before', 'after'])(
    'a call that takes too long is answered with an error, if its client is back %s the process ended',
    async (when) => {
      const { nodes } = await startCluster({ ...settings, SHUTDOWN_SECONDS: '2' });
      const [a, b, c] = nodes;
      const before = await openSession(a);
      await before.post(callTool(1, 'hang'));
      const stopped = a.stop('SIGTERM');
      await before.closed;
      if (when === 'after') await stopped;
      const again = await comeBack(b, before, c);
      const { error } = await again.message(1);
      expect(error.message).toMatch(
        /The server stopped before the call ended|process that ran the call ended/,
      );
      expect(await stopped).toEqual({ code: 0, signal: null });
      again.close();
    },
  );

  test('its id, once taken over, opens nothing for others, and its URL leads to the session that goes on', async () => {
    const { nodes } = await startCluster(settings);
    const [a, b, c] = nodes;
    const before = await openSession(a);
    await before.post(echo(1, 'for alice'));
    await before.message(1);
    const [, event = ''] = /^id: (\S+)$/m.exec(before.text()) ?? [];
    const stopped = a.stop('SIGTERM');
    await before.closed;
    const again = await comeBack(b, before, c);
    await again.nextEndpoint();
    await stopped;

    const asBob = await openStream(c, { headers: { ...bob, 'Last-Event-ID': event } });
    expect(asBob.endpoint).toMatch(/sessionId=c\./);
    expect(await post(c, before.endpoint, echo(2, 'stolen'), bob)).toMatchObject({ status: 404 });
    expect(again.isOver).toBe(false);
    expect(await post(c, before.endpoint, echo(3, 'on its way'), alice)).toMatchObject({ status: 202 });
    await again.message(3);
    expect(again.text()).not.toContain('stolen');
    for (const one of [again, asBob]) one.close();
  });
});

test('a session that goes on elsewhere ends there like any other, and counts no more', async () => {
  const { nodes } = await startCluster({ RESUME_SECONDS: '1', SHUTDOWN_SECONDS: '4' });
  const [a, b, c] = nodes;
  const before = await openSession(a);
  await before.post(initialize({}));
  await before.message(0);
  const stopped = a.stop('SIGTERM');
  await before.closed;
  const again = await comeBack(b, before, c);
  expect(await again.nextEndpoint()).toMatch(/sessionId=b\./);
  await stopped;
  again.close();
  await b.logged({ msg: 'session closed', reason: 'client_gone' });
  await eventually(
    async () => JSON.parse((await send(b, 'GET', '/health')).body).sessions as number,
    (sessions) => sessions === 0,
  );
});

test('without Redis a client that reconnects gets a new session, and nothing waits for it', async () => {
  const { nodes, redis } = await startCluster({ RESUME_SECONDS: '30' });
  const [a, b] = nodes;
  const [here, before] = [await openSession(b), await openSession(a)];
  before.close();
  await redis.stop();
  await cutOff(b);
  const again = await reconnect(b);
  const startedAt = performance.now();
  expect(await post(b, before.endpoint, answerTo(again.question), alice)).toMatchObject({ status: 202 });
  expect(await again.nextEndpoint()).toMatch(/sessionId=b\./);
  expect(performance.now() - startedAt).toBeLessThan(1000);
  expect(await post(b, here.endpoint, echo(1, 'local'), alice)).toMatchObject({ status: 202 });
  await here.message(1);
  for (const one of [here, again]) one.close();
});

test('what a session sends while Redis is away reaches its client, whose stream is elsewhere, once', async () => {
  const { nodes, redis } = await startCluster({ RESUME_SECONDS: '30' });
  const [a, b] = nodes;
  const before = await openSession(a);
  before.close();
  const again = await comeBack(b, before, a);
  await again.nextEndpoint();
  await redis.stop();
  await cutOff(a);
  await post(a, before.endpoint, echo(1, 'late'), alice);
  const back = await startRedis([], redis.port);
  await connected(...nodes);
  expect((await again.message(1)).result.content[0].text).toBe('late');
  await post(b, before.endpoint, echo(2, 'then'), alice);
  await again.message(2);
  expect(again.events).toEqual([]);
  again.close();
  await back.stop();
});
