import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { call, openStream, post, send } from '../support/client.js';
import { goodHeaders, type RunningServer, startServer } from '../support/server.js';

const headers = goodHeaders.apikey;

describe('behind a proxy that adds a prefix', () => {
  let server: RunningServer;
  beforeAll(async () => {
    server = await startServer('apikey', { BASE_PATH: '/tools/mcp/' });
  });
  afterAll(() => server.stop());

  test.each([
    ['takes the prefix away', '/sse'],
    ['passes the prefix on', '/tools/mcp/sse'],
  ])('that %s, the endpoint event has the path as clients see it', async (_, path) => {
    const stream = await openStream(server, { headers, path });
    expect(stream.endpoint).toMatch(/^\/tools\/mcp\/messages\?sessionId=/);
    expect((await stream.post(call(1, 'ping'))).status).toBe(202);
    expect(
      (await post(server, stream.endpoint.slice('/tools/mcp'.length), call(2, 'ping'), headers)).status,
    ).toBe(202);
    expect(await stream.message(2)).toMatchObject({ result: {} });
    stream.close();
  });

  test.each(['/tools/mcp', '/tools/mcp/', '/tools/mcp/health', '/tools/mcp/health/'])(
    '%s has a route',
    async (path) => {
      expect((await send(server, 'GET', path)).status).toBe(200);
    },
  );

  test.each(['/tools', '/tools/mcpsse', '/tools/mcp/tools/mcp/sse', '/tools/mcp//sse'])(
    '%s has no route',
    async (path) => {
      expect((await send(server, 'GET', path)).status).toBe(404);
    },
  );

  test('the landing page shows the whole path', async () => {
    const { body } = await send(server, 'GET', '/', { headers: { Host: 'localhost:1234' } });
    expect(body).toContain('http://localhost:1234/tools/mcp/sse');
  });
});

test('a prefix that is also the path of the stream does not hide it', async () => {
  const server = await startServer('apikey', { BASE_PATH: '/sse' });
  for (const path of ['/sse', '/sse/sse']) {
    const stream = await openStream(server, { headers, path });
    expect(stream.endpoint).toMatch(/^\/sse\/messages\?/);
    stream.close();
  }
  await server.stop();
});

describe('what a proxy says about the client', () => {
  const wrong = { 'X-API-Key': 'not-a-key-of-anybody' };
  const from = (address: string) => ({ 'X-Forwarded-For': address });
  const settings = { AUTH_FAILURES_PER_MINUTE: '1' };

  /** Whether one address is shut out for the bad credential that came from another. */
  async function counted(server: RunningServer, first: string, second: string): Promise<number> {
    await post(server, '/messages', {}, { ...wrong, ...from(first) });
    return (await post(server, '/messages', {}, { ...wrong, ...from(second) })).status;
  }

  test('is not believed unless TRUST_PROXY is set', async () => {
    const server = await startServer('apikey', settings);
    expect(await counted(server, '203.0.113.1', '203.0.113.2')).toBe(429);
    await server.stop();
  });

  test('is believed for as many proxies as TRUST_PROXY says', async () => {
    const server = await startServer('apikey', { ...settings, TRUST_PROXY: '2' });
    expect(await counted(server, '203.0.113.1, 10.0.0.1', '203.0.113.2, 10.0.0.1')).toBe(401);
    // What the client itself put in front does not count.
    expect(await counted(server, '1.1.1.1, 203.0.113.3, 10.0.0.1', '2.2.2.2, 203.0.113.3, 10.0.0.1')).toBe(
      429,
    );
    await server.stop();
  });

  /** A bad credential from the first address was counted; is the second one refused for it? */
  async function expectCounted(first: string, second: string, status: number) {
    const server = await startServer('apikey', { ...settings, TRUST_PROXY: '1' });
    expect(await counted(server, first, second)).toBe(status);
    await server.stop();
  }

  test.each([
    ['2001:db8:1:2::1', '2001:db8:1:2:ffff:ffff:ffff:ffff', 429],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::', 429],
    ['2001:db8::1', '2001:db8::2', 429],
    ['2001:db8:1:2::1', '2001:db8:1:3::1', 401],
    ['2001:db8::1', '2001:db9::1', 401],
    ['::ffff:203.0.113.1', '203.0.113.1', 429],
    ['::ffff:203.0.113.1', '::ffff:203.0.113.2', 401],
    ['::1', '::2', 401],
    ['fe80::1%eth0', 'fe80::2%eth0', 429],
    ['fe80::1%eth0', 'fe80::1', 429],
    ['2001:db8:1:2::1', '2001:0DB8:0001:2:0:0:0:9', 429],
    ['2001:db8::2:0:0:0:1', '2001:db8:0:2::1', 429],
    ['2001:0:0:1::1', '2001::1:0:0:0:2', 429],
    ['203.0.113.1', '::ffff:cb00:7101', 429],
    ['203.0.113.1', '0:0:0:0:0:FFFF:CB00:7101', 429],
    ['203.0.113.1', '::FFFF:203.0.113.1', 429],
    ['203.0.113.1', '::ffff:cb00:7102', 401],
    ['::ffff:0:cb00:7101', '::ffff:0:cb00:7102', 429], // Looks like IPv4 in IPv6 (RFC 4291), and is not.
    ['::1', '0:0:0:0:0:0:0:1', 429],
    ['no:address', 'no:other', 401],
    ['[no', '[nor', 401],
  ])('IPv6 is counted by its network of 64 bits: after %s, %s gets %i', expectCounted);

  test.each([
    ['203.0.113.1:5678', '203.0.113.1:5679', 429],
    ['203.0.113.1:5678', '203.0.113.1', 429],
    ['203.0.113.1:5678', '203.0.113.2:5678', 401],
    ['[2001:db8::1]:443', '2001:db8::2', 429],
    ['[2001:db8::1]:443', '[2001:db8::1]', 429],
    ['[2001:db8::1]:443', '[2001:db9::1]:443', 401],
    ['[::ffff:203.0.113.1]:443', '203.0.113.1', 429],
    ['[::1]:443', '::1', 429],
  ])('a port that a proxy adds makes no other client: after %s, %s gets %i', expectCounted);

  test.each([
    ['0', 'http://'],
    ['1', 'https://'],
  ])('with TRUST_PROXY=%s makes the landing page say %s', async (trusted, scheme) => {
    const server = await startServer('apikey', { TRUST_PROXY: trusted });
    const { body } = await send(server, 'GET', '/', { headers: { 'X-Forwarded-Proto': 'https' } });
    expect(body).toContain(`${scheme}127.0.0.1:${server.port}/sse`);
    await server.stop();
  });
});
