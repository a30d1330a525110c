import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { exchange, rawRequest, send } from '../support/client.js';
import { importFrom, secret } from '../support/projects.js';
import { type RunningServer, runServer, startServer } from '../support/server.js';

// Names that requests ask for, pages that they come from, and paths that a server could be given.

const loopback = ['localhost', '127.0.0.1', '[::1]'];

describe('a server without credentials', () => {
  let server: RunningServer;
  beforeAll(async () => {
    server = await startServer('none', { RATE_LIMIT: '0' });
  });
  afterAll(() => server.stop('SIGKILL'));

  const statusOf = async (host: string, path = '/health', method = 'GET') =>
    (await exchange(server, rawRequest(method, path, { Host: host, Connection: 'close' })))[0]?.status;

  test.each([...loopback, 'LOCALHOST', 'localhost:1', '[::1]:65535', '127.0.0.1:80'])(
    'answers to %s',
    async (host) => {
      expect(await statusOf(host)).toBe(200);
    },
  );

  test.each([
    'evil.com',
    'localhost.evil.com',
    'localhost:1@evil.com',
    'localhost@evil.com',
    'localhost:',
    'localhost:x',
    'localhost:123456',
    'localhost, evil.com',
    'localhost/evil.com',
    'localhost#evil.com',
    'localhost?evil.com',
    'localhost\\evil.com',
    'localhost evil.com',
    '[::1].evil.com',
    '[::1]evil.com',
    '[::1',
    '::1',
    '[0:0:0:0:0:0:0:1]',
    '127.0.0.1.evil.com',
    '127.1',
    '2130706433',
    '0x7f000001',
    '0.0.0.0',
    'localhost.',
    'localhost"',
    '*',
    '',
  ])('refuses %j on every path and method', async (host) => {
    for (const path of ['/', '/health', '/sse', '/messages?sessionId=x', '/mcp', '/metrics', '/nothing']) {
      for (const method of ['GET', 'POST', 'OPTIONS']) expect(await statusOf(host, path, method)).toBe(403);
    }
  });

  test('refuses every other name', async () => {
    const part = fc.constantFrom(
      ...loopback,
      'evil.com',
      ':',
      ':80',
      '@',
      '.',
      '/',
      '"',
      '[',
      ']',
      'x',
      '%00',
      '-',
    );
    const host = fc.array(part, { maxLength: 5 }).map((parts) => parts.join(''));
    const isOwn = /^(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?$/;
    await fc.assert(
      fc.asyncProperty(host, async (host) => {
        expect(await statusOf(host)).toBe(isOwn.test(host) ? 200 : 403);
      }),
      { numRuns: 300 },
    );
  });

  test.each([
    ['/sse', 'GET', 'no-cors'],
    ['/sse', 'GET', 'navigate'],
    ['/sse/', 'GET', 'navigate'],
    ['/health', 'GET', 'navigate'],
    ['/health/', 'GET', 'navigate'],
    ['/?x=/', 'GET', 'no-cors'],
    ['/', 'POST', 'navigate'],
    ['/mcp', 'POST', 'no-cors'],
    ['/messages/?sessionId=/', 'POST', 'navigate'],
    ['/metrics', 'GET', 'no-cors'],
  ])('refuses a cross-site request without Origin: %s by %s, %s', async (path, method, mode) => {
    const headers = { 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': mode };
    const { status } = await send(server, method, path, { headers });
    expect(status).toBe(403);
  });

  test('takes a person who follows a link to its page', async () => {
    const headers = { 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'navigate' };
    expect((await send(server, 'GET', '/', { headers })).status).toBe(200);
    expect((await send(server, 'GET', '/?from=elsewhere', { headers })).status).toBe(200);
  });
});

test('a name that any server answers to is still one', async () => {
  const server = await startServer('jwt', {
    ALLOWED_HOSTS: '*',
    JWT_SECRET: secret,
    JWT_ISSUER: 'https://issuer.example.com',
  });
  for (const host of ['evil" x="y', 'a"b', 'a b', 'a,b', '"']) {
    const [answer] = await exchange(server, rawRequest('GET', '/sse', { Host: host, Connection: 'close' }));
    expect(answer?.status).toBe(403);
  }
  const [answer] = await exchange(
    server,
    rawRequest('GET', '/sse', { Host: 'any.example', Connection: 'close' }),
  );
  expect(answer?.headers['www-authenticate']).toBe(
    'Bearer realm="mcp", resource_metadata="http://any.example/.well-known/oauth-protected-resource/sse"',
  );
  await server.stop();
});

describe('a path', () => {
  test.each([
    '//evil.example/m',
    '/\\evil.example',
    'https://evil.example/m',
    '/.well-known/x',
    '/.well-known',
    '/health',
    '/health/x',
    '/page/x',
    '/metrics',
    '/a/../sse',
    '/a/./b',
    '/..',
    '/%2e%2e/x',
    '/a%2Fb',
    '/a%5cb',
    '/a%00',
    '/a?b',
    '/a#b',
    '/a b',
    '/a;b',
    '/a$b',
    '/a%',
    '/',
    'a',
  ])('%j stops the start with one line', async (path) => {
    for (const name of ['SSE_ENDPOINT', 'MESSAGE_ENDPOINT', 'STREAMABLE_HTTP_ENDPOINT']) {
      const { code, output } = await runServer('none', { [name]: path });
      expect(code).toBe(1);
      expect(output).toMatch(new RegExp(`^${name}=\\S.* must .*\\n$`));
    }
  });

  test('that is accepted is the same to every URL parser', async () => {
    const { urlPath } = await importFrom('none', 'settings/kinds.js');
    const part = fc.constantFrom(
      '/',
      'a',
      '.',
      '..',
      '%2e',
      '%2F',
      '%5C',
      '%00',
      '%41',
      '%',
      '\\',
      ':',
      '@',
      '~',
      ';',
      ' ',
      '?',
    );
    const path = fc.array(part, { minLength: 1, maxLength: 8 }).map((parts) => `/${parts.join('')}`);
    fc.assert(
      fc.property(path, (text) => {
        const parsed: string | undefined = urlPath().parse(text);
        fc.pre(parsed !== undefined);
        const url = new URL(parsed as string, 'http://localhost');
        expect(url.host + url.pathname + url.search).toBe(`localhost${parsed}`);
        const decoded = (parsed as string).replace(/%(..)/g, (_, hex) =>
          String.fromCharCode(Number.parseInt(hex, 16)),
        );
        expect(decoded).not.toMatch(/\\|\0|\/\/|\/\.{1,2}(\/|$)/);
        expect(decoded.split('/')).toHaveLength((parsed as string).split('/').length);
      }),
      { numRuns: 2000 },
    );
  });
});
