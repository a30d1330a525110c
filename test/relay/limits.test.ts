import { expect, test } from 'vitest';
import { call, eventually, post } from '../templates/support/client.js';
import { importFrom } from '../templates/support/projects.js';
import { alice, bob, echo, openSession, startCluster } from './support/cluster.js';

test('messages that a caller sends through several processes count together', async () => {
  const { nodes, redis } = await startCluster({ RATE_LIMIT: '100', MAX_CALLS_PER_CLIENT: '1000' }); // 200 at once
  const [a, b, c] = nodes;
  const stream = await openSession(a);
  const messages = Array.from({ length: 110 }, (_, id) =>
    post(id % 2 ? a : b, stream.endpoint, echo(id, 'x'), alice),
  );
  messages.push(...Array.from({ length: 120 }, (_, id) => post(c, stream.endpoint, echo(id, 'x'), alice)));
  expect(new Set((await Promise.all(messages)).map(({ status }) => status))).toEqual(new Set([202]));

  // 55 came to this process, which would not refuse by its own count.
  const refused = await eventually(
    () => post(a, stream.endpoint, echo(1000, 'x'), alice),
    ({ status }) => status === 429,
  );
  expect(refused.headers['retry-after']).toMatch(/^[12]$/);
  expect(await post(a, stream.endpoint, echo(1001, 'x'), bob)).toMatchObject({ status: 404 }); // Others go on.
  const client = await redis.connect();
  expect(await client.exists('test-server:limit:messages:alice')).toBe(1);
});

test('bad credentials that an address tries at several processes count together', async () => {
  const { nodes, redis } = await startCluster({ AUTH_FAILURES_PER_MINUTE: '9' });
  const guess = { 'X-API-Key': 'a guess' };
  const guesses = nodes.flatMap((node) =>
    [1, 2, 3].map(() => post(node, '/messages?sessionId=x', call(1, 'ping'), guess)),
  );
  expect(new Set((await Promise.all(guesses)).map(({ status }) => status))).toEqual(new Set([401]));

  const client = await redis.connect();
  await eventually(
    () => client.get('test-server:limit:failures:127.0.0.1'),
    (total) => total === '9',
  );
  client.destroy();

  // A process learns of the others when it counts again.
  for (const node of nodes) {
    await post(node, '/messages?sessionId=x', call(1, 'ping'), guess);
    const another = () => post(node, '/messages?sessionId=x', call(1, 'ping'), guess);
    expect((await eventually(another, ({ status }) => status === 429)).headers['retry-after']).toMatch(
      /^\d+$/,
    );
  }
});

test('a window that ends while counts are added up blocks no client', async () => {
  // Redis says in one of some thousand cases that no time is left. Here it always does.
  let timesAdded = 0;
  const sayNoTimeIsLeft = async (_script: string, { keys }: { keys: string[] }) => {
    timesAdded++;
    return keys.flatMap(() => [1000, 0]);
  };
  const { createRedisBuckets } = await importFrom('apikey', 'relay/redis-buckets.js');
  const redis = { prefix: '', commands: { eval: sayNoTimeIsLeft } };
  const buckets = createRedisBuckets(redis)({ name: 'messages', burst: 200, perSecond: 100 });
  expect(buckets.take('alice')).toBe(0);
  await eventually(
    async () => timesAdded,
    (times) => times === 1,
  );
  expect(buckets.take('alice')).toBe(0);
});
