import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeCertificate } from '../support/certificate.js';
import { freePort } from '../support/programs.js';
import { callTool, eventually, post } from '../templates/support/client.js';
import { renderProject } from '../templates/support/projects.js';
import { runServer } from '../templates/support/server.js';
import { alice, connected, echo, openSession, startUnreadyNode } from './support/cluster.js';
import { startRedis } from './support/redis.js';

test.each([
  [{ REDIS_URL: 'http://user:hidden@host' }, /^REDIS_URL must be a URL such as redis:\/\//],
  [{ REDIS_URL: 'hidden' }, /^REDIS_URL must be a URL such as redis:\/\//],
  [{ MAX_MESSAGE_SIZE: '25mb' }, /^MAX_MESSAGE_SIZE=25mb must be 24mb at most/],
  [{ NODE_ID: 'a.b' }, /^NODE_ID=a\.b must be 1 to 64 letters, digits, _ or -/],
])('%o stops the start with a line that says what it must be, and no secret', async (settings, line) => {
  const { code, output } = await runServer('apikey', { PORT: '0', ...settings });
  expect(code).toBe(1);
  expect(output).toMatch(line);
  expect(output.trim().split('\n')).toHaveLength(1);
  expect(output).not.toContain('hidden');
});

test('a port in use ends the start, even if Redis is reachable', async () => {
  const redis = await startRedis();
  const a = await startUnreadyNode('a', redis.url);
  const { code, output } = await runServer('apikey', { PORT: String(a.port), REDIS_URL: redis.url });
  expect(code).toBe(1);
  expect(output).toContain('another program already listens');
  await redis.stop();
});

test('--check shows whether REDIS_URL is set, without its password', async () => {
  const { output } = await runServer('apikey', { REDIS_URL: 'redis://user:hidden@localhost' }, ['--check']);
  expect(output).toContain('REDIS_URL=(set)');
  expect(output).not.toContain('hidden');
});

test('processes with different prefixes share a Redis and nothing in it', async () => {
  const redis = await startRedis();
  const RATE_LIMIT = '100';
  const a = await startUnreadyNode('a', redis.url, { REDIS_PREFIX: 'one:', RATE_LIMIT });
  const b = await startUnreadyNode('b', redis.url, { REDIS_PREFIX: 'other:', RATE_LIMIT });
  await connected(a, b);
  const stream = await openSession(a);
  expect(await post(b, stream.endpoint, echo(1, 'x'), alice)).toMatchObject({ status: 404 });
  expect(await post(a, stream.endpoint, echo(1, 'x'), alice)).toMatchObject({ status: 202 });
  const client = await redis.connect();
  await eventually(
    async () => (await client.keys('*:messages:alice')).sort().join(),
    (keys) => keys === 'one:limit:messages:alice,other:limit:messages:alice',
  );
  client.destroy();
  await redis.stop();
});

test('the rights that the README names are enough', async () => {
  const redis = await startRedis();
  const readme =
    (await renderProject({ auth: 'apikey', relay: 'redis' })).get('README.md')?.content.toString() ?? '';
  const rights = /`ACL SETUSER mcp on >PASSWORD ([^`]+)`/.exec(readme)?.[1]?.split(' ') ?? [];
  const client = await redis.connect();
  await client.aclSetUser('mcp', ['on', '>PASSWORD', ...rights]);
  const url = redis.url.replace('redis://', 'redis://mcp:PASSWORD@');
  const [a, b] = [await startUnreadyNode('a', url, { RATE_LIMIT: '100' }), await startUnreadyNode('b', url)];
  await connected(a, b);

  const stream = await openSession(a);
  expect(await post(b, stream.endpoint, echo(1, 'x'), alice)).toMatchObject({ status: 202 });
  expect(await post(a, stream.endpoint, callTool(2, 'echo', { text: 'counted' }), alice)).toMatchObject({
    status: 202,
  });
  await eventually(
    () => client.exists('test-server:limit:messages:alice'),
    (exists) => exists === 1,
  );
  expect(await client.aclLog()).toEqual([]);
  client.destroy();
  await redis.stop();
});

test('rediss:// uses TLS with user and password, and trusts only authorities that NODE_EXTRA_CA_CERTS names', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'redis-tls-'));
  const { cert, key } = makeCertificate(folder);
  const tlsPort = await freePort();
  const redis = await startRedis([
    ...['--tls-port', String(tlsPort), '--tls-cert-file', cert, '--tls-key-file', key],
    ...['--tls-ca-cert-file', cert, '--tls-auth-clients', 'no'],
  ]);
  const client = await redis.connect();
  await client.aclSetUser('user', ['on', '>p@ss', '~*', '&*', '+@all']);
  await client.aclSetUser('default', ['off']);
  const url = `rediss://user:p%40ss@127.0.0.1:${tlsPort}`;

  const stranger = await startUnreadyNode('stranger', url);
  expect((await stranger.logged({ msg: 'Redis is out of reach' })).reason).toContain(
    'self-signed certificate',
  );
  const [a, b] = [
    await startUnreadyNode('a', url, { NODE_EXTRA_CA_CERTS: cert }),
    await startUnreadyNode('b', url, { NODE_EXTRA_CA_CERTS: cert }),
  ];
  await connected(a, b);
  const stream = await openSession(a);
  expect(await post(b, stream.endpoint, echo(1, 'encrypted'), alice)).toMatchObject({ status: 202 });
  expect((await stream.message(1)).result.content[0].text).toBe('encrypted');
  client.destroy();
  await redis.stop();
  rmSync(folder, { recursive: true });
});

test('two processes with the same name are reported', async () => {
  const redis = await startRedis();
  const start = (id: string) => startUnreadyNode(id, redis.url);
  const [a, twin, b] = await Promise.all([start('a'), start('a'), start('b')]);
  await connected(a, twin, b);
  const stream = await openSession(a);
  await post(b, stream.endpoint, echo(1, 'x'), alice);
  await b.logged({ msg: 'several processes have the same NODE_ID' });
  await redis.stop();
});

test('without the relay, the code, settings and dependencies of a project have no trace of Redis', async () => {
  const files = await renderProject({ auth: 'apikey', relay: 'none' });
  files.delete('README.md'); // It says where to find the relay when one process is no longer enough.
  const traces = [...files].filter(
    ([path, { content }]) => /redis/i.test(path) || /redis/i.test(content.toString()),
  );
  expect(traces.map(([path]) => path)).toEqual([]);
});
