import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, call, exchange, openStream, post, rawRequest, send } from '../support/client.js';
import { goodHeaders, type RunningServer, startServer } from '../support/server.js';

const app = 'https://app.example.com';
const exposed = 'Content-Type, Authorization, X-API-Key, WWW-Authenticate, Retry-After, Mcp-Session-Id';

/** One request for every kind of answer. */
const requests: [string, (server: RunningServer, headers: Record<string, string>) => Promise<Answer>][] = [
  ['200', (server, headers) => send(server, 'GET', '/health', { headers })],
  ['204', (server, headers) => send(server, 'OPTIONS', '/sse', { headers })],
  [
    '400',
    (server, headers) => post(server, '/messages', call(1, 'ping'), { ...goodHeaders.apikey, ...headers }),
  ],
  ['401', (server, headers) => send(server, 'GET', '/sse', { headers })],
  [
    '403',
    (server, headers) => send(server, 'GET', '/sse', { headers: { ...headers, Host: 'evil.example.com' } }),
  ],
  ['404', (server, headers) => send(server, 'GET', '/nothing', { headers })],
  ['405', (server, headers) => send(server, 'PUT', '/sse', { headers })],
  ['405 of a probe', (server, headers) => post(server, '/sse', call(1, 'initialize'), headers)],
];

describe('by default any page may call, since a browser never sends the credential automatically', () => {
  let server: RunningServer;
  beforeAll(async () => {
    server = await startServer('apikey', { MAX_MESSAGE_SIZE: '1kb' });
  });
  afterAll(() => server.stop());

  test.each(requests)('on a %s', async (_, request) => {
    const { headers } = await request(server, { Origin: app });
    expect(headers['access-control-allow-origin']).toBe('*');
    expect(headers['access-control-expose-headers']).toBe(exposed);
    expect(headers.vary).toBeUndefined();
  });

  test('on the stream, a 202, a 415 and a 413', async () => {
    const stream = await openStream(server, { headers: { ...goodHeaders.apikey, Origin: app } });
    const answers = [
      await stream.post(call(1, 'ping')),
      await stream.post(call(1, 'ping'), { 'Content-Type': 'text/plain' }),
      await stream.post('x'.repeat(2000)),
    ];
    expect(answers.map(({ status }) => status)).toEqual([202, 415, 413]);
    for (const { headers } of [stream.response, ...answers]) {
      expect(headers['access-control-allow-origin']).toBe('*');
      expect(headers['access-control-expose-headers']).toBe(exposed);
    }
    stream.close();
  });

  test('on bytes that are not a request', async () => {
    const [notHttp] = await exchange(server, 'hello\r\n\r\n');
    const [tooLong] = await exchange(server, rawRequest('GET', '/', { 'X-Long': 'x'.repeat(20_000) }));
    expect([notHttp?.status, tooLong?.status]).toEqual([400, 431]);
    expect(notHttp?.headers['access-control-allow-origin']).toBe('*');
    expect(tooLong?.headers['access-control-allow-origin']).toBe('*');
  });
});

describe('with a list of origins', () => {
  let server: RunningServer;
  beforeAll(async () => {
    server = await startServer('apikey', { ALLOWED_ORIGINS: `${app},https://other.example.com` });
  });
  afterAll(() => server.stop());

  test.each(requests)('a %s names the requesting origin and has Vary: Origin', async (_, request) => {
    const { headers } = await request(server, { Origin: app });
    expect(headers['access-control-allow-origin']).toBe(app);
    expect(headers.vary).toBe('Origin');
  });

  test.each(requests)('a %s names no origin if the request has none', async (_, request) => {
    const { headers } = await request(server, {});
    expect(headers['access-control-allow-origin']).toBeUndefined();
    expect(headers.vary).toBe('Origin');
  });

  test('an origin that is not in the list is not named', async () => {
    const { headers } = await send(server, 'OPTIONS', '/sse', {
      headers: { Origin: 'https://evil.example.com' },
    });
    expect(headers['access-control-allow-origin']).toBeUndefined();
    expect(headers['access-control-allow-methods']).toBeUndefined();
  });
});

describe('without credentials', () => {
  let server: RunningServer;
  beforeAll(async () => {
    server = await startServer('none');
  });
  afterAll(() => server.stop());

  test.each(['http://localhost:3000', 'http://127.0.0.1', 'https://[::1]:8443'])(
    'a page of %s may call',
    async (origin) => {
      const answer = await send(server, 'GET', '/health', { headers: { Origin: origin } });
      expect(answer.status).toBe(200);
      expect(answer.headers['access-control-allow-origin']).toBe(origin);
    },
  );

  test.each([
    app,
    'null',
    'http://localhost.evil.example.com',
    'http://127.0.0.1.nip.io',
    'file://localhost',
    '',
  ])('a page of "%s" may not', async (origin) => {
    for (const [method, path] of [
      ['GET', '/sse'],
      ['POST', '/messages'],
      ['OPTIONS', '/messages'],
    ] as const) {
      expect((await send(server, method, path, { headers: { Origin: origin } })).status).toBe(403);
    }
  });
});
