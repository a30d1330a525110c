import { expect, test } from 'vitest';
import { post } from '../templates/support/client.js';
import { alice, cutOff, echo, openSession, startCluster } from './support/cluster.js';
import { startNginx } from './support/nginx.js';

test('with the map of the README, nginx sends each message to the process of its session, without Redis', async () => {
  const { nodes, redis } = await startCluster();
  const routing = await startNginx(
    nodes.slice(0, 2).map(({ port }) => port),
    'README, by node',
  );
  await redis.stop();
  await cutOff(nodes[0]);

  const owners = new Set<string>();
  for (let id = 0; id < 8; id++) {
    const stream = await openSession(routing);
    owners.add(new URL(stream.endpoint, routing.origin).searchParams.get('sessionId')?.split('.')[0] ?? '');
    expect(await post(routing, stream.endpoint, echo(id, `${id}`), alice)).toMatchObject({ status: 202 });
    expect((await stream.message(id)).result.content[0].text).toBe(`${id}`);
    stream.close();
  }
  expect(owners).toEqual(new Set(['a', 'b']));
  await routing.stop();
});

test('the nginx of compose.yaml takes turns, and each message finds its session', async () => {
  const { nodes } = await startCluster();
  const nginx = await startNginx(
    nodes.map(({ port }) => port),
    'compose',
  );
  const stream = await openSession(nginx);
  for (let id = 0; id < 7; id++) {
    expect(await post(nginx, stream.endpoint, echo(id, `${id}`), alice)).toMatchObject({ status: 202 });
    expect((await stream.message(id)).result.content[0].text).toBe(`${id}`);
  }
  await nginx.stop();
});
