import type { IncomingMessage } from 'node:http';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { call, exchange, openStream, post, rawRequest, send } from '../support/client.js';
import { importFrom, secret } from '../support/projects.js';
import { type RunningServer, startServer } from '../support/server.js';

// What proxies put into headers, and what clients put there to look like proxies.

let server: RunningServer;
afterEach(() => server?.stop('SIGKILL'));

/** The URL of the metadata that a refused client is sent to. */
async function metadataUrl(headers: Record<string, string>): Promise<string | undefined> {
  const answer = await send(server, 'GET', '/sse', { headers });
  return /resource_metadata="(.*)"/.exec(answer.headers['www-authenticate'] ?? '')?.[1];
}

const issuer = { JWT_SECRET: secret, JWT_ISSUER: 'https://issuer.example.com', JWT_AUDIENCE: 'here' };
const path = '/.well-known/oauth-protected-resource/sse';

describe('behind one proxy', () => {
  test.each([
    [{ 'X-Forwarded-Proto': 'https' }, 'https://localhost'],
    [{ 'X-Forwarded-Proto': 'HTTPS' }, 'https://localhost'],
    [{ 'X-Forwarded-Proto': 'http, https' }, 'https://localhost'],
    [{ 'X-Forwarded-Proto': 'https,http' }, 'http://localhost'],
    [{ 'X-Forwarded-Proto': 'javascript' }, 'http://localhost'],
    [{ 'X-Forwarded-Host': 'mcp.example.com' }, 'http://mcp.example.com'],
    [{ 'X-Forwarded-Host': 'MCP.example.com:8443' }, 'http://MCP.example.com:8443'],
    [{ 'X-Forwarded-Host': 'evil.example, mcp.example.com' }, 'http://mcp.example.com'],
    [{ 'X-Forwarded-Host': 'mcp.example.com, evil.example' }, 'http://localhost'],
    [{ 'X-Forwarded-Host': 'mcp.example.com"@evil' }, 'http://localhost'],
    [{ 'X-Forwarded-Host': '' }, 'http://localhost'],
  ])('%j', async (headers, origin) => {
    server = await startServer('jwt', {
      ...issuer,
      TRUST_PROXY: '1',
      ALLOWED_HOSTS: 'localhost,mcp.example.com',
    });
    expect(await metadataUrl({ Host: 'localhost', ...headers })).toBe(origin + path);
  });
});

test('without a proxy these headers say nothing', async () => {
  server = await startServer('jwt', { ...issuer, ALLOWED_HOSTS: 'localhost,mcp.example.com' });
  const headers = { Host: 'localhost', 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'mcp.example.com' };
  expect(await metadataUrl(headers)).toBe(`http://localhost${path}`);
});

test('PUBLIC_URL is what clients are told, its host and its origin are allowed', async () => {
  server = await startServer('jwt', { ...issuer, PUBLIC_URL: 'https://MCP.example.com/' });
  expect(await metadataUrl({ Host: 'mcp.example.com' })).toBe(`https://MCP.example.com${path}`);
  expect(await metadataUrl({ Host: 'localhost', 'X-Forwarded-Host': 'evil' })).toBe(
    `https://MCP.example.com${path}`,
  );
  const allowed = { Host: 'mcp.example.com', Origin: 'https://mcp.example.com' };
  expect((await send(server, 'GET', '/health', { headers: allowed })).status).toBe(200);
  expect((await send(server, 'GET', '/health', { headers: { Host: 'evil.example' } })).status).toBe(403);
});

describe('whatever a proxy or a client sends', () => {
  const text = fc.oneof(
    fc.string({ unit: fc.constantFrom(...'0123456789abcdef.:,[]%/ "\'\\-_@'), maxLength: 60 }),
    fc.ipV4(),
    fc.ipV6(),
    fc.ipV6().map((address) => `[${address}]:99999`),
    fc.string({ unit: 'binary-ascii', maxLength: 40 }).map((s) => s.replace(/[^ -~]/g, '')),
    fc.constantFrom(
      '::ffff:1.2.3',
      '1.2.3.4.5',
      '[::1',
      '::1]',
      '%',
      '::%',
      'fe80::1%eth0',
      '::ffff:127.0.0.1',
      ',',
    ),
    fc.nat(14_000).map((length) => ':'.repeat(length)),
  );

  test('is answered', async () => {
    server = await startServer('none', { TRUST_PROXY: '2', RATE_LIMIT: '0' });
    const names = ['X-Forwarded-For', 'X-Forwarded-Proto', 'X-Forwarded-Host'];
    await fc.assert(
      fc.asyncProperty(fc.tuple(text, text, text), async (values) => {
        const headers = Object.fromEntries(names.map((name, i) => [name, (values[i] as string).trim()]));
        // Together they may be more than headers can be.
        expect([200, 431]).toContain((await send(server, 'GET', '/health', { headers })).status);
      }),
      { numRuns: 200 },
    );
  });

  test('an address is short, and a part of the network that it names', async () => {
    const { clientAddress } = await importFrom('none', 'http/client-address.js');
    fc.assert(
      fc.property(text, fc.integer({ min: 0, max: 3 }), (value, trusted) => {
        const request = { headers: { 'x-forwarded-for': value }, socket: { remoteAddress: '127.0.0.1' } };
        const address: string = clientAddress(request as unknown as IncomingMessage, trusted);
        expect(address.length).toBeLessThanOrEqual(260);
        expect(address).not.toBe('');
      }),
    );
  });
});

describe('a request for a whole URL', () => {
  const ask = async (target: string, Host: string) => {
    const request = rawRequest('GET', target, { Host, Connection: 'close' });
    return (await exchange(server, request))[0]?.status;
  };

  test.each([
    ['http://localhost/health', 'localhost', 200],
    ['HTTP://LOCALHOST/health', 'localhost', 200],
    ['http://localhost:8080/health', 'LocalHost:8080', 200],
    ['https://localhost/health?x=1', 'localhost', 200],
    ['http://localhost', 'localhost', 200],
    ['http://localhost?x=1', 'localhost', 200],
    ['http://evil.example/health', 'localhost', 404],
    ['http://localhost@evil.example/health', 'localhost', 404],
    ['http://localhost/health', 'evil.example', 403],
  ])('%s of %s gets %d', async (target, host, status) => {
    server = await startServer('none');
    expect(await ask(target, host)).toBe(status);
  });
});

test.each(['identity', 'Identity', 'IDENTITY'])(
  'Content-Encoding: %s means no encoding',
  async (encoding) => {
    server = await startServer('none');
    const stream = await openStream(server);
    const headers = { 'Content-Encoding': encoding, Accept: 'application/json, text/event-stream' };
    expect((await stream.post(call(1, 'ping'), headers)).status).toBe(202);
    expect((await post(server, '/mcp', call(1, 'ping'), headers)).status).toBe(200);
    expect((await stream.post(call(1, 'ping'), { 'Content-Encoding': 'gzip' })).status).toBe(415);
  },
);
