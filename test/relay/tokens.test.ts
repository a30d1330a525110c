import { expect, test } from 'vitest';
import { bearer, inSeconds, sign } from '../templates/auth/credentials.js';
import { callTool, post } from '../templates/support/client.js';
import { secret } from '../templates/support/projects.js';
import { openSession, startNode } from './support/cluster.js';
import { startRedis } from './support/redis.js';

test('a stream lasts as long as the newest token that its caller sent to any process', async () => {
  const redis = await startRedis();
  const jwt = { JWT_SECRET: secret };
  const [a, b] = [await startNode('a', redis, jwt), await startNode('b', redis, jwt)];
  const short = bearer(await sign({ exp: inSeconds(4) }));
  const [renewed, expiring] = [await openSession(a, short), await openSession(a, short)];

  const newer = bearer(await sign());
  expect(await post(b, renewed.endpoint, callTool(1, 'whoami'), newer)).toMatchObject({ status: 202 });
  expect((await renewed.message(1)).result.content[0].text).toBe('alice');
  const bob = bearer(await sign({ sub: 'bob' }));
  expect(await post(b, expiring.endpoint, callTool(1, 'whoami'), bob)).toMatchObject({ status: 404 });

  await expiring.closed;
  await a.logged({ msg: 'session closed', reason: 'credential_expired' });
  expect(await post(b, expiring.endpoint, callTool(2, 'whoami'), newer)).toMatchObject({ status: 404 });
  expect(await post(b, renewed.endpoint, callTool(2, 'whoami'), newer)).toMatchObject({ status: 202 });
  expect((await renewed.message(2)).result.content[0].text).toBe('alice');
  renewed.close();
  await redis.stop();
});
