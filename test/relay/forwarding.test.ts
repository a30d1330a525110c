import { beforeAll, describe, expect, test } from 'vitest';
import { type Answer, call, callTool, eventually, post, send } from '../templates/support/client.js';
import { alice, bob, type Cluster, echo, keepCluster, openSession } from './support/cluster.js';

let cluster: Cluster;
beforeAll(async () => {
  const { stop, ...started } = await keepCluster({ MAX_MESSAGE_SIZE: '24mb' });
  cluster = started;
  return stop;
});

test('a message reaches its session, whichever process it arrives at', async () => {
  for (const owner of cluster.nodes) {
    const stream = await openSession(owner);
    for (const [id, node] of cluster.nodes.entries()) {
      expect(await post(node, stream.endpoint, echo(id, `by ${node.id}`), alice)).toMatchObject({
        status: 202,
        body: 'Accepted',
      });
      const { result } = await stream.message(id);
      expect(result.content[0].text).toBe(`by ${node.id}`);
    }
    stream.close();
  }
});

test('many clients that use the same ids at once through the proxy each get their own replies, once', async () => {
  const clients = 12;
  const calls = 25;
  const streams = await Promise.all(Array.from({ length: clients }, () => openSession(cluster.nginx)));
  const answers = await Promise.all(
    streams.flatMap((stream, client) =>
      Array.from({ length: calls }, (_, id) =>
        post(cluster.nginx, stream.endpoint, echo(id, `${client}-${id}`), alice),
      ),
    ),
  );
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
  for (const [client, stream] of streams.entries()) {
    for (let id = 0; id < calls; id++) {
      const { result } = await stream.message(id);
      expect(result.content[0].text).toBe(`${client}-${id}`);
    }
    expect(stream.events).toEqual([]);
    stream.close();
  }
});

test('a message arrives as the client wrote it: line breaks, any script, a duplicate key', async () => {
  const [a, b] = cluster.nodes;
  const stream = await openSession(a);
  const text = 'Grüße,\n世界 🌍 \u2028 \0 "quoted"';
  const written = JSON.stringify(echo(1, text), null, 2).replace('"id": 1', '"id": 0,\n  "id": 1');
  expect(await post(b, stream.endpoint, written, alice)).toMatchObject({ status: 202 });
  expect((await stream.message(1)).result.content[0].text).toBe(text);
  stream.close();
});

test('a message of the largest size allowed arrives, and so does its reply', async () => {
  const [a, b] = cluster.nodes;
  const stream = await openSession(a);
  const text = 'x'.repeat(24 * 1024 * 1024 - 200);
  expect(await post(b, stream.endpoint, echo(1, text), alice)).toMatchObject({ status: 202 });
  expect((await stream.message(1)).result.content[0].text).toBe(text);
  stream.close();
});

test('a call can be cancelled through another process', async () => {
  const [a, b, c] = cluster.nodes;
  const stream = await openSession(a);
  await post(b, stream.endpoint, callTool(1, 'hang'), alice);
  const params = { requestId: 1, reason: 'changed my mind' };
  await post(c, stream.endpoint, { jsonrpc: '2.0', method: 'notifications/cancelled', params }, alice);
  const inside = async (id: number) => {
    await post(b, stream.endpoint, callTool(id, 'inside'), alice);
    return JSON.parse((await stream.message(id)).result.content[0].text);
  };
  let id = 2;
  await eventually(
    () => inside(id++),
    ({ callsAborted }) => callsAborted === 1,
  );
  stream.close();
});

test('a client can answer its server through another process', async () => {
  const [a, b, c] = cluster.nodes;
  const stream = await openSession(a);
  await post(b, stream.endpoint, callTool(1, 'ask', { method: 'ping', params: {} }), alice);
  const question = await stream.notification('ping');
  await post(c, stream.endpoint, { jsonrpc: '2.0', id: question.id, result: {} }, alice);
  expect((await stream.message(1)).result.content[0].text).toBe('{}');
  stream.close();
});

test("another caller's session is as unknown through another process as anywhere", async () => {
  const [a, b] = cluster.nodes;
  const stream = await openSession(a, alice);
  const unknown = await post(a, '/messages?sessionId=unknown', echo(1, 'stolen'), bob);
  expect(comparable(await post(b, stream.endpoint, echo(1, 'stolen'), bob))).toEqual(comparable(unknown));
  // Had it arrived, it would have come before this one.
  await post(b, stream.endpoint, echo(2, 'mine'), alice);
  expect((await stream.next()).data).toContain('mine');
  stream.close();
});

describe("a refusal has the same bytes in another process as in the session's own", () => {
  const otherId = '00000000-0000-4000-8000-000000000000';
  const cases: [string, (endpoint: string, node: { port: number }) => Promise<Answer>, number][] = [
    ['no credential', (endpoint, node) => post(node, endpoint, call(1, 'ping')), 401],
    [
      'a bad credential',
      (endpoint, node) => post(node, endpoint, call(1, 'ping'), { 'X-API-Key': 'bad' }),
      401,
    ],
    [
      'a session that never was',
      (endpoint, node) => post(node, endpoint.replace(/\..*/, `.${otherId}`), call(1, 'ping'), alice),
      404,
    ],
    [
      'a message that is too large',
      (endpoint, node) => post(node, endpoint, 'x'.repeat(26_000_000), alice),
      413,
    ],
    [
      'text that is not JSON by its type',
      (endpoint, node) =>
        send(node, 'POST', endpoint, { headers: { ...alice, 'Content-Type': 'text/plain' }, body: '{}' }),
      415,
    ],
    ['a body that is not JSON', (endpoint, node) => post(node, endpoint, '{', alice), 400],
    ['JSON that is no message', (endpoint, node) => post(node, endpoint, '[]', alice), 400],
  ];
  test.each(cases)('%s', async (_, ask, status) => {
    const [a, b] = cluster.nodes;
    const stream = await openSession(a);
    const [local, foreign] = [await ask(stream.endpoint, a), await ask(stream.endpoint, b)];
    expect(local.status).toBe(status);
    expect(comparable(foreign)).toEqual(comparable(local));
    stream.close();
  });

  test('a session that has ended', async () => {
    const [a, b] = cluster.nodes;
    const stream = await openSession(a);
    const { endpoint } = stream;
    stream.close();
    const over = await eventually(
      () => post(a, endpoint, call(1, 'ping'), alice),
      ({ status }) => status === 404,
    );
    expect(comparable(await post(b, endpoint, call(1, 'ping'), alice))).toEqual(comparable(over));
  });

  test('a session of a process that never existed', async () => {
    const [a, b] = cluster.nodes;
    const unknown = await post(a, `/messages?sessionId=a.${otherId}`, call(1, 'ping'), alice);
    expect(
      comparable(await post(b, `/messages?sessionId=nobody.${otherId}`, call(1, 'ping'), alice)),
    ).toEqual(comparable(unknown));
  });
});

describe('a body refused by another process tells nothing about the session', () => {
  const bodies: [string, { type?: string; body: string }, number][] = [
    ['bad JSON', { body: '{' }, 400],
    ['too large', { body: 'x'.repeat(26_000_000) }, 413],
    ['not JSON by its type', { type: 'text/plain', body: '{}' }, 415],
  ];
  test.each(bodies)('%s', async (_, { type = 'application/json', body }, status) => {
    const [a, b] = cluster.nodes;
    const [mine, foreign] = [await openSession(a, alice), await openSession(a, bob)];
    const unknown = mine.endpoint.replace(/\..*/, '.00000000-0000-4000-8000-000000000000');
    const headers = { ...alice, 'Content-Type': type };
    const answers = [];
    for (const endpoint of [mine.endpoint, foreign.endpoint, unknown]) {
      answers.push(comparable(await send(b, 'POST', endpoint, { headers, body })));
    }
    expect(answers[0]?.status).toBe(status);
    expect(answers).toEqual([answers[0], answers[0], answers[0]]);
    mine.close();
    foreign.close();
  });
});

/** An answer without what differs from one to the next by design. */
function comparable({ status, body, headers: { date: _, 'x-request-id': __, ...headers } }: Answer) {
  return { status, body, headers };
}
