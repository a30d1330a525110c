import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { freePort } from '../support/programs.js';
import { type Answer, callTool, eventually, metric, post } from '../templates/support/client.js';
import {
  alice,
  connected,
  cutOff,
  echo,
  health,
  openSession,
  startCluster,
  startNode,
  startUnreadyNode,
} from './support/cluster.js';
import { nextPublished, type RedisClient, startRedis } from './support/redis.js';

const unavailable = { status: 503, headers: { 'retry-after': '2' } };

test('when a process is killed during a call, its streams end, its sessions are unknown, and the others continue', async () => {
  const { nodes, nginx } = await startCluster();
  const [a, b, c] = nodes;
  const [lost, kept] = [await openSession(a), await openSession(b)];
  expect(await post(c, lost.endpoint, callTool(1, 'hang'), alice)).toMatchObject({ status: 202 });

  await a.stop('SIGKILL');

  await lost.closed; // The client of the call learns it by this.
  expect(await post(b, lost.endpoint, echo(2, 'late'), alice)).toMatchObject({ status: 404 });
  expect(await post(c, kept.endpoint, echo(3, 'kept'), alice)).toMatchObject({ status: 202 });
  expect((await kept.message(3)).result.content[0].text).toBe('kept');

  // The client connects again, as clients do, and is let in elsewhere.
  const again = await openSession(nginx);
  for (let id = 4; id < 10; id++) {
    expect(await post(nginx, again.endpoint, echo(id, 'again'), alice)).toMatchObject({ status: 202 });
    await again.message(id);
  }
});

test('when Redis is killed and restarted, local messages continue, others are refused at once, and everything recovers', async () => {
  const { redis, nodes } = await startCluster();
  const [a, b] = nodes;
  const stream = await openSession(a);
  expect(await metric(b, 'mcp_relay_up', alice)).toBe(1);

  await redis.stop();

  await cutOff(b);
  expect(await metric(b, 'mcp_relay_up', alice)).toBe(0);
  const { answer, ms } = await timed(() => post(b, stream.endpoint, echo(1, 'foreign'), alice));
  expect(answer).toMatchObject(unavailable);
  expect(ms).toBeLessThan(500);
  expect(await post(a, stream.endpoint, echo(2, 'local'), alice)).toMatchObject({ status: 202 });
  expect((await stream.next()).data).toContain('local');

  const again = await startRedis([], redis.port);
  await connected(...nodes);
  expect(await metric(b, 'mcp_relay_up', alice)).toBe(1);
  expect(await post(b, stream.endpoint, echo(3, 'foreign'), alice)).toMatchObject({ status: 202 });
  expect((await stream.next()).data).toContain('foreign');
  for (const node of nodes) {
    expect(node.output().match(/Redis is out of reach/g)).toHaveLength(1);
    expect(node.output().match(/Redis is back/g)).toHaveLength(1);
  }
  await again.stop();
});

test('after an outage of Redis, a session is not unknown because its process has not reconnected yet', async () => {
  const { redis, nodes } = await startCluster();
  const [a, b] = nodes;
  const stream = await openSession(a);
  await redis.stop();
  await cutOff(b);
  a.process.kill('SIGSTOP');

  const again = await startRedis([], redis.port);
  await connected(b);
  expect(await post(b, stream.endpoint, echo(1, 'too early'), alice)).toMatchObject(unavailable);

  a.process.kill('SIGCONT');
  await connected(a);
  expect(await post(b, stream.endpoint, echo(2, 'in time'), alice)).toMatchObject({ status: 202 });
  expect((await stream.next()).data).toContain('in time');
  await again.stop();
});

test('when Redis pauses, messages are refused within two seconds and not run later, and local messages continue', async () => {
  const { redis, nodes } = await startCluster();
  const [a, b] = nodes;
  const stream = await openSession(a);

  redis.signal('SIGSTOP');
  const foreign = timed(() => post(b, stream.endpoint, echo(1, 'foreign'), alice));
  expect(await post(a, stream.endpoint, echo(2, 'local'), alice)).toMatchObject({ status: 202 });
  expect((await stream.next()).data).toContain('local');
  const { answer, ms } = await foreign;
  expect(answer).toMatchObject(unavailable);
  expect(ms).toBeLessThan(2300);

  // Redis now hands over what it was sent meanwhile, and it is too late.
  redis.signal('SIGCONT');
  await a.logged({ msg: 'a message from another process came too late' });
  expect(await post(b, stream.endpoint, echo(3, 'after'), alice)).toMatchObject({ status: 202 });
  expect((await stream.next()).data).toContain('after');
  expect(stream.events).toEqual([]);
});

test('when Redis pauses for long, it counts as unreachable, and everything recovers with it', async () => {
  const { redis, nodes } = await startCluster();
  const [a, b] = nodes;
  const stream = await openSession(a);
  redis.signal('SIGSTOP');
  await cutOff(b);
  expect((await timed(() => post(b, stream.endpoint, echo(1, 'foreign'), alice))).ms).toBeLessThan(500);

  redis.signal('SIGCONT');
  await connected(...nodes);
  expect(await post(b, stream.endpoint, echo(2, 'after'), alice)).toMatchObject({ status: 202 });
  expect((await stream.next()).data).toContain('after');
});

test('when Redis is out of memory, messages go through and each process counts the limits alone', async () => {
  const { redis, nodes } = await startCluster({ RATE_LIMIT: '20' });
  const [a] = nodes;
  const stream = await openSession(a);
  const client = await redis.connect();
  await client.configSet('maxmemory-policy', 'noeviction');
  await client.configSet('maxmemory', '1');
  await expect(client.set('key', 'value')).rejects.toThrow('OOM');

  for (const node of nodes) {
    const answers = await Promise.all(
      Array.from({ length: 80 }, (_, id) => post(node, stream.endpoint, echo(id, 'x'), alice)),
    );
    const count = (wanted: number) => answers.filter(({ status }) => status === wanted).length;
    // 40 at once, and 20 for each second that they took.
    expect(count(202)).toBeGreaterThanOrEqual(40);
    expect(count(429)).toBeGreaterThan(0);
    expect(count(202) + count(429)).toBe(80);
    expect(await health(node)).not.toHaveProperty('relay');
  }
  client.destroy();
});

describe('a Redis that refuses every client', () => {
  test('after a restart with a new password lets local messages continue, and everything recovers once it is fixed', async () => {
    const { redis, nodes } = await startCluster();
    const [a, b] = nodes;
    const stream = await openSession(a);
    await redis.stop();
    const strange = await startRedis(['--requirepass', 'nobody-knows'], redis.port);
    const client = await strange.connect();
    // Each process has tried.
    await eventually(
      () => connectionsOf(client),
      (count) => count > 2 * nodes.length,
    );

    await Promise.all(nodes.map(cutOff));
    expect(await post(a, stream.endpoint, echo(1, 'local'), alice)).toMatchObject({ status: 202 });
    expect((await stream.next()).data).toContain('local');
    for (const node of nodes.slice(1)) {
      expect(await post(node, stream.endpoint, echo(2, 'foreign'), alice)).toMatchObject(unavailable);
    }

    await client.configSet('requirepass', '');
    await connected(...nodes);
    expect(await post(b, stream.endpoint, echo(3, 'foreign'), alice)).toMatchObject({ status: 202 });
    expect((await stream.next()).data).toContain('foreign');
    client.destroy();
    await strange.stop();
  });

  test.each(['closes each connection', 'does not know the password'])(
    'that %s is tried less and less often, down to once a second for each of two connections',
    async (fault) => {
      const { url, connections } = fault.includes('password') ? await refusingRedis() : await closingPort();
      const start = performance.now();
      await startUnreadyNode('a', url);

      // Each waits 50, 100, 200, 400, 800, 1000, 1000 … ms, of which up to a quarter is left out at random.
      await eventually(connections, (count) => count >= 16, 15_000);
      const ms = performance.now() - start;
      expect(ms).toBeGreaterThan(0.75 * 3550);
      expect(ms).toBeLessThan(10_000);
    },
  );

  test('because of a wrong password does not stop the process, which says why once and serves its own sessions', async () => {
    const redis = await startRedis(['--requirepass', 'the-right-password']);
    const a = await startUnreadyNode('a', redis.url.replace('right', 'wrong'));
    const { reason } = await a.logged({ msg: 'Redis is out of reach' });
    expect(reason).toContain('WRONGPASS');
    const stream = await openSession(a);
    expect(await post(a, stream.endpoint, echo(1, 'local'), alice)).toMatchObject({ status: 202 });
    await stream.message(1);
    expect(await post(a, '/messages?sessionId=b.1', echo(2, 'foreign'), alice)).toMatchObject(unavailable);
    expect(await health(a)).toMatchObject({ status: 'ok', relay: 'Redis is out of reach' });
    expect(a.output().match(/out of reach/g)).toHaveLength(1);
    expect(a.output()).not.toContain('the-wrong-password');
    await redis.stop();
  });

  test('that is not there at the start is awaited while the process serves', async () => {
    const port = await freePort();
    const a = await startUnreadyNode('a', `redis://127.0.0.1:${port}`);
    await cutOff(a);
    const stream = await openSession(a);

    const redis = await startRedis([], port);
    await connected(a);
    const b = await startNode('b', redis);
    expect(await post(b, stream.endpoint, echo(1, 'across'), alice)).toMatchObject({ status: 202 });
    await stream.message(1);
    await redis.stop();
  });
});

test('messages for a process that hangs are refused within two seconds and not run later, and other processes are unaffected', async () => {
  const { nodes } = await startCluster();
  const [a, b, c] = nodes;
  const [slow, other] = [await openSession(a), await openSession(c)];

  a.process.kill('SIGSTOP');
  const foreign = timed(() => post(b, slow.endpoint, echo(1, 'to the slow one'), alice));
  const { answer: unharmed, ms: quick } = await timed(() =>
    post(b, other.endpoint, echo(2, 'to another'), alice),
  );
  expect(unharmed.status).toBe(202);
  expect(quick).toBeLessThan(500);
  const { answer, ms } = await foreign;
  expect(answer).toMatchObject(unavailable);
  expect(ms).toBeLessThan(2300);

  a.process.kill('SIGCONT');
  await a.logged({ msg: 'a message from another process came too late' });
  expect(await post(b, slow.endpoint, echo(3, 'after'), alice)).toMatchObject({ status: 202 });
  expect((await slow.next()).data).toContain('after');
});

test('when a process shuts down, running calls get their replies and new messages find no session', async () => {
  const { nodes } = await startCluster();
  const [a, b] = nodes;
  const stream = await openSession(a);
  expect(await post(b, stream.endpoint, callTool(1, 'wait', { ms: 1500 }), alice)).toMatchObject({
    status: 202,
  });

  const stopped = a.stop('SIGTERM');
  await a.logged({ msg: 'stopping' });
  expect(await post(b, stream.endpoint, echo(2, 'new'), alice)).toMatchObject({ status: 404 });
  expect((await stream.next()).data).toContain('waited');
  await stream.closed;
  expect(stream.events).toEqual([]);
  expect(await stopped).toEqual({ code: 0, signal: null });
  expect(await post(b, stream.endpoint, echo(3, 'gone'), alice)).toMatchObject({ status: 404 });
  expect(a.output()).not.toContain('out of reach');
});

test('a message in transit when its process shuts down is answered before the process exits', async () => {
  const { nodes, redis } = await startCluster();
  const [a, b] = nodes;
  const stream = await openSession(b);
  const client = await redis.connect();
  const inRedis = await nextPublished(client, 'test-server:node:b');
  b.process.kill('SIGSTOP');
  const inFlight = post(a, stream.endpoint, echo(1, 'in flight'), alice);
  await inRedis.message;
  client.destroy();
  const stopped = a.stop('SIGTERM');
  await a.logged({ msg: 'stopping' });
  b.process.kill('SIGCONT');
  expect(await inFlight).toMatchObject({ status: 202 });
  expect((await stream.message(1)).result.content[0].text).toBe('in flight');
  expect(await stopped).toEqual({ code: 0, signal: null });
});

test('whatever happens to Redis, each accepted message is answered exactly once', async () => {
  const { redis, nodes, nginx } = await startCluster();
  const streams = await Promise.all(Array.from({ length: 6 }, () => openSession(nginx)));
  let going = true;
  const clients = streams.map(async (stream, client) => {
    const accepted: number[] = [];
    let id = 0;
    for (; going; id++) {
      const { status } = await post(nginx, stream.endpoint, echo(id, `${client}`), alice);
      expect([202, 503]).toContain(status);
      if (status === 202) accepted.push(id);
    }
    return { stream, accepted, sent: id };
  });
  let current = redis;
  for (let outage = 0; outage < 3; outage++) {
    await current.stop();
    await cutOff(nodes[0]);
    current = await startRedis([], redis.port);
    await connected(...nodes);
  }
  going = false;

  for (const { stream, accepted, sent } of await Promise.all(clients)) {
    expect(accepted.length).toBeGreaterThan(0);
    expect(accepted.length).toBeLessThan(sent); // There was something to refuse.
    for (const id of accepted) await stream.message(id);
    // Left over can only be the reply to a message whose acknowledgement Redis took with it: that one was refused.
    const others = stream.events.map(({ data }) => JSON.parse(data).id);
    expect(new Set(others).size).toBe(others.length);
    for (const id of others) expect(accepted).not.toContain(id);
  }
  await current.stop();
});

/** A port where each connection is closed at once. */
async function closingPort() {
  let count = 0;
  const server = createServer((socket) => {
    count++;
    socket.destroy();
  }).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { url: `redis://127.0.0.1:${port}`, connections: async () => count };
}

/** A Redis whose password is another one. */
async function refusingRedis() {
  const redis = await startRedis(['--requirepass', 'the-right-password']);
  const client = await redis.connect();
  onTestFinished(async () => {
    client.destroy();
    await redis.stop();
  });
  const own = await connectionsOf(client);
  return {
    url: redis.url.replace('right', 'wrong'),
    connections: async () => (await connectionsOf(client)) - own,
  };
}

/** Connections that a Redis has taken since its start, those of this test among them. */
async function connectionsOf(client: RedisClient): Promise<number> {
  return Number(/total_connections_received:(\d+)/.exec(await client.info('stats'))?.[1]);
}

async function timed(ask: () => Promise<Answer>) {
  const start = performance.now();
  const answer = await ask();
  return { answer, ms: performance.now() - start };
}
