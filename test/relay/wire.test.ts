import { beforeAll, expect, test } from 'vitest';
import { eventually, post } from '../templates/support/client.js';
import { alice, type Cluster, echo, keepCluster, openSession } from './support/cluster.js';
import { nextPublished, type RedisClient } from './support/redis.js';

// What goes through Redis, repeated, delayed and made up. Each test ends with a call that must work as if nothing had been.

let cluster: Cluster;
let client: RedisClient;
beforeAll(async () => {
  const { stop, ...started } = await keepCluster({});
  cluster = started;
  client = await cluster.redis.connect();
  return async () => {
    client.destroy();
    await stop();
  };
});

const channel = (node: string) => `test-server:node:${node}`;

test('a delivery that arrives twice is taken once', async () => {
  const [a, b] = cluster.nodes;
  const stream = await openSession(a);
  const delivery = await captured('a', () => post(b, stream.endpoint, echo(1, 'first'), alice));
  await stream.message(1);

  await client.publish(channel('a'), delivery);

  await post(b, stream.endpoint, echo(2, 'next'), alice);
  expect((await stream.next()).data).toContain('next');
  stream.close();
});

test('a delivery that arrives too late is not taken', async () => {
  const [a, b] = cluster.nodes;
  const stream = await openSession(a);
  const delivery = await captured('a', () => post(b, stream.endpoint, echo(1, 'first'), alice));
  await stream.message(1);

  const late = changed(delivery, { id: 'another', takeUntil: Date.now() - 1 });
  await client.publish(channel('a'), late);

  await a.logged({ msg: 'a message from another process came too late' });
  await post(b, stream.endpoint, echo(2, 'next'), alice);
  expect((await stream.next()).data).toContain('next');
  stream.close();
});

test('an answer that arrives twice, late or for no request changes nothing', async () => {
  const [a, b] = cluster.nodes;
  const stream = await openSession(a);
  const answer = await captured('b', () => post(b, stream.endpoint, echo(1, 'first'), alice));
  await stream.message(1);

  await client.publish(channel('b'), answer);
  await client.publish(channel('b'), changed(answer, { taken: false }));
  await client.publish(channel('b'), changed(answer, { answerTo: 'nobody' }));

  expect(await post(b, stream.endpoint, echo(2, 'next'), alice)).toMatchObject({ status: 202 });
  expect((await stream.next()).data).toContain('next');
  stream.close();
});

test('the first answer counts, and one that arrives after the refusal is ignored', async () => {
  const [, b] = cluster.nodes;
  const standIn = await cluster.redis.connect();
  const deliveries: string[] = [];
  await standIn.subscribe(channel('stand-in'), (delivery) => void deliveries.push(delivery));
  const toStandIn = () => post(b, '/messages?sessionId=stand-in.1', echo(1, 'to whom?'), alice);
  const arrived = () =>
    eventually(
      async () => deliveries.shift(),
      (delivery) => delivery !== undefined,
    );
  const answer = (delivery = '', taken: boolean) =>
    client.publish(channel('b'), JSON.stringify({ answerTo: head(delivery).id, taken }));

  const taken = toStandIn();
  const first = await arrived();
  await answer(first, true);
  await answer(first, false);
  expect(await taken).toMatchObject({ status: 202 });

  const unanswered = toStandIn();
  const second = await arrived();
  expect(await unanswered).toMatchObject({ status: 503 });
  await answer(second, true);

  const unknown = toStandIn();
  await answer(await arrived(), false);
  expect(await unknown).toMatchObject({ status: 404 });
  standIn.destroy();
});

test.each([
  ['what is no JSON', 'hello'],
  ['what is no object', 'null'],
  ['an object without anything', '{}'],
  [
    'a delivery whose message is no JSON',
    `${JSON.stringify({ id: '1', from: 'b', takeUntil: 1e15, sessionId: 'x' })}\n{`,
  ],
])('%s on its channel harms no process', async (_, text) => {
  const [a, b] = cluster.nodes;
  const stream = await openSession(a);
  await client.publish(channel('a'), text);
  expect(await post(b, stream.endpoint, echo(1, 'next'), alice)).toMatchObject({ status: 202 });
  expect((await stream.next()).data).toContain('next');
  stream.close();
});

test('each process has one subscription and two connections, however many sessions it has', async () => {
  const streams = await Promise.all(Array.from({ length: 50 }, () => openSession(cluster.nginx)));
  expect(await client.pubSubChannels('*')).toHaveLength(cluster.nodes.length);
  const connections = await client.clientList();
  expect(connections).toHaveLength(2 * cluster.nodes.length + 1);
  for (const stream of streams) stream.close();
});

test('a forwarded message costs Redis two commands, and a local one none', async () => {
  const [a, b] = cluster.nodes;
  const stream = await openSession(a);
  const published = async () =>
    Number(/cmdstat_publish:calls=(\d+)/.exec(await client.info('commandstats'))?.[1] ?? 0);
  const before = await published();
  await post(a, stream.endpoint, echo(1, 'local'), alice);
  expect((await published()) - before).toBe(0);
  await post(b, stream.endpoint, echo(2, 'foreign'), alice);
  expect((await published()) - before).toBe(2);
  stream.close();
});

/** What is published for a node while something is done. */
async function captured(node: string, act: () => Promise<unknown>): Promise<string> {
  const monitor = await cluster.redis.connect();
  const { message } = await nextPublished(monitor, channel(node));
  await act();
  const text = await message;
  monitor.destroy();
  return text;
}

function head(text: string): Record<string, unknown> {
  return JSON.parse(text.split('\n', 1)[0] as string);
}

function changed(text: string, changes: Record<string, unknown>): string {
  const [first = '', ...rest] = text.split('\n');
  return [JSON.stringify({ ...JSON.parse(first), ...changes }), ...rest].join('\n');
}
