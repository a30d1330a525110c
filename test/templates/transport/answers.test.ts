import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { call, callTool, openStream, post, send } from '../support/client.js';
import { goodHeaders, type RunningServer, startServer } from '../support/server.js';

// What the server answers, row by row: status, headers and body of each kind of request. In which order the
// checks come is in order-of-checks.test.ts.

let server: RunningServer;
const headers = goodHeaders.apikey;
beforeAll(async () => {
  server = await startServer('apikey', { ALLOWED_ORIGINS: 'https://app.example.com', RATE_LIMIT: '0' });
});
afterAll(() => server.stop());

function errorOf({ body }: { body: string }) {
  return JSON.parse(body).error;
}

describe('host and origin', () => {
  test.each([
    'evil.example.com',
    'localhost.evil.example.com',
    '127.0.0.1.evil.example.com:80',
    'evil@localhost',
  ])('a request to the host "%s" is refused with 403', async (host) => {
    const answer = await send(server, 'GET', '/health', { headers: { Host: host } });
    expect(answer.status).toBe(403);
    expect(errorOf(answer).code).toBe('host_not_allowed');
  });

  test.each(['localhost', 'LOCALHOST:1', '127.0.0.1:8080', '[::1]:8080'])(
    'a request to %s is answered',
    async (host) => {
      expect((await send(server, 'GET', '/health', { headers: { Host: host } })).status).toBe(200);
    },
  );

  test.each([
    ['GET', '/sse'],
    ['POST', '/messages'],
    ['OPTIONS', '/sse'],
    ['GET', '/health'],
    ['GET', '/no/such/path'],
  ])('a host that is not allowed is refused on %s %s', async (method, path) => {
    const answer = await send(server, method, path, { headers: { ...headers, Host: 'evil.example.com' } });
    expect(answer.status).toBe(403);
  });

  test.each([
    'https://evil.example.com',
    'null',
    'https://app.example.com.evil.example.com',
    'http://app.example.com',
  ])('a page of the origin %s is refused with 403', async (origin) => {
    for (const [method, path] of [
      ['GET', '/sse'],
      ['POST', '/messages'],
    ] as const) {
      const answer = await send(server, method, path, { headers: { ...headers, Origin: origin } });
      expect(answer.status).toBe(403);
      expect(errorOf(answer).code).toBe('origin_not_allowed');
    }
  });

  test('a page of an allowed origin is answered', async () => {
    const answer = await send(server, 'GET', '/health', { headers: { Origin: 'https://app.example.com' } });
    expect(answer.status).toBe(200);
  });
});

describe('paths and methods', () => {
  test('OPTIONS gets 204 without a credential', async () => {
    const answer = await send(server, 'OPTIONS', '/sse');
    expect(answer).toMatchObject({ status: 204, body: '' });
    expect(answer.headers['access-control-allow-methods']).toBe('GET, POST, DELETE, OPTIONS');
    expect(answer.headers['access-control-allow-headers']).toBe(
      'Content-Type, Accept, Authorization, X-API-Key, Last-Event-ID, Mcp-Session-Id, MCP-Protocol-Version, Mcp-Method, Mcp-Name',
    );
  });

  test.each([
    '/nothing',
    '//sse',
    '/sse/x',
    '/SSE',
    '/messages/../sse',
    '/%73se',
    '/constructor',
    '/__proto__',
  ])('there is nothing at %s', async (path) => {
    const answer = await send(server, 'GET', path, { headers });
    expect(answer.status).toBe(404);
    expect(errorOf(answer).code).toBe('not_found');
  });

  test.each([
    ['PUT', '/sse', 'GET, OPTIONS'],
    ['DELETE', '/sse', 'GET, OPTIONS'],
    ['HEAD', '/sse', 'GET, OPTIONS'],
    ['GET', '/messages', 'POST, OPTIONS'],
    ['POST', '/health', 'GET, HEAD, OPTIONS'],
    ['POST', '/', 'GET, HEAD, OPTIONS'],
    ['HEAD', '/mcp', 'POST, GET, DELETE, OPTIONS'],
    ['PUT', '/mcp', 'POST, GET, DELETE, OPTIONS'],
  ])('%s %s gets 405, and Allow lists the possible methods', async (method, path, allow) => {
    const answer = await send(server, method, path);
    expect(answer.status).toBe(405);
    expect(answer.headers.allow).toBe(allow);
  });

  test('a client that probes for Streamable HTTP at the stream gets a plain-text 405 without a credential', async () => {
    const answer = await post(server, '/sse', call(1, 'initialize'));
    expect(answer.status).toBe(405);
    expect(answer.headers['content-type']).toBe('text/plain');
    expect(answer.headers.allow).toBe('GET, OPTIONS');
    expect(answer.body).not.toMatch(/[{}]/);
  });

  test('a trailing slash makes no difference', async () => {
    expect((await send(server, 'GET', '/health/')).status).toBe(200);
    const stream = await openStream(server, { headers, path: '/sse/' });
    const answer = await post(server, stream.endpoint.replace('?', '/?'), call(1, 'ping'), headers);
    expect(answer.status).toBe(202);
    stream.close();
  });

  test.each(['/', '/health', '/metrics'])('HEAD %s returns the headers of GET and no body', async (path) => {
    const get = await send(server, 'GET', path, { headers });
    const head = await send(server, 'HEAD', path, { headers });
    expect(head).toMatchObject({ status: 200, body: '' });
    expect(head.headers['content-type']).toBe(get.headers['content-type']);
  });
});

describe('the stream', () => {
  test('GET opens it with the headers that keep proxies from buffering', async () => {
    const stream = await openStream(server, { headers });
    expect(stream.response.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    });
    expect(stream.response.headers).not.toHaveProperty('content-length');
    expect(stream.response.headers).not.toHaveProperty('content-encoding');
    stream.close();
  });

  test('is refused without a credential: 401 with a challenge, and no endpoint', async () => {
    const answer = await send(server, 'GET', '/sse');
    expect(answer.status).toBe(401);
    expect(answer.headers['www-authenticate']).toBe('ApiKey realm="mcp", header="X-API-Key"');
    expect(answer.headers['content-type']).toBe('application/json');
    expect(errorOf(answer).code).toBe('unauthorized');
  });
});

describe('messages', () => {
  test('a message gets 202, and its reply on its own stream only', async () => {
    const stream = await openStream(server, { headers });
    const other = await openStream(server, { headers });
    const answer = await stream.post(callTool(1, 'echo', { text: 'mine' }));
    expect(answer).toMatchObject({ status: 202, body: 'Accepted' });
    expect((await stream.message(1)).result.content).toEqual([{ type: 'text', text: 'mine' }]);

    // What is answered later on the other stream is the first thing there.
    await other.post(call(2, 'ping'));
    expect(await other.message()).toEqual({ jsonrpc: '2.0', id: 2, result: {} });
    stream.close();
    other.close();
  });

  test('a notification and a reply get 202 and no reply', async () => {
    const stream = await openStream(server, { headers });
    expect((await stream.post({ jsonrpc: '2.0', method: 'notifications/initialized' })).status).toBe(202);
    expect((await stream.post({ jsonrpc: '2.0', id: 'no-such-request', result: {} })).status).toBe(202);
    await stream.post(call(3, 'ping'));
    expect(await stream.message()).toMatchObject({ id: 3 });
    stream.close();
  });

  test('the 202 arrives before the tool has run', async () => {
    const stream = await openStream(server, { headers });
    await stream.post(callTool(1, 'countdown', { seconds: 1 }));
    expect(stream.events).toEqual([]);
    await stream.message(1);
    stream.close();
  });

  test.each([
    '/messages',
    '/messages?',
    '/messages?sessionId=',
    '/messages?sessionid=x',
    '/messages?sessionId=a&sessionId=b',
  ])('POST %s, without a session id, gets 400', async (path) => {
    const answer = await post(server, path, call(1, 'ping'), headers);
    expect(answer.status).toBe(400);
    expect(errorOf(answer).code).toBe('session_id_missing');
  });

  test('a session id may be percent-encoded, with other parameters around it', async () => {
    const stream = await openStream(server, { headers });
    const id = stream.endpoint.split('=')[1] as string;
    const encoded = [...id].map((char) => `%${char.charCodeAt(0).toString(16)}`).join('');
    expect(
      (await post(server, `/messages?a=1&session%49d=${encoded}&b`, call(1, 'ping'), headers)).status,
    ).toBe(202);
    expect(await stream.message(1)).toMatchObject({ result: {} });
    stream.close();
  });

  test('an unknown and a closed session get the same 404, byte for byte', async () => {
    const stream = await openStream(server, { headers });
    const closed = server.logged({
      msg: 'session closed',
      session: stream.endpoint.split('=')[1]?.slice(0, 8),
    });
    stream.close();
    await closed;
    const gone = await stream.post(call(1, 'ping'));
    const unknown = await post(server, '/messages?sessionId=unknown', call(1, 'ping'), headers);
    expect(gone.status).toBe(404);
    expect({ ...gone, headers: { ...gone.headers, date: '' } }).toEqual({
      ...unknown,
      headers: { ...unknown.headers, date: '' },
    });
  });

  test.each([
    'text/plain',
    'application/json-patch+json',
    'application/x-www-form-urlencoded',
    'multipart/form-data',
    '',
  ])('a body of type "%s" gets 415 and has no effect', async (type) => {
    const stream = await openStream(server, { headers });
    const answer = await stream.post(call(1, 'ping'), { 'Content-Type': type });
    expect(answer.status).toBe(415);
    await stream.post(call(2, 'ping'));
    expect(await stream.message()).toMatchObject({ id: 2 });
    stream.close();
  });

  test.each(['application/json', 'application/json; charset=utf-8', 'Application/JSON ;charset=UTF-8'])(
    'a body of type "%s" is accepted',
    async (type) => {
      const stream = await openStream(server, { headers });
      expect((await stream.post(call(1, 'ping'), { 'Content-Type': type })).status).toBe(202);
      stream.close();
    },
  );

  test('a body that is not JSON gets 400 with JSON-RPC error -32700', async () => {
    const stream = await openStream(server, { headers });
    const answer = await stream.post('{"jsonrpc":"2.0",');
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.body)).toMatchObject({ jsonrpc: '2.0', id: null, error: { code: -32700 } });
    stream.close();
  });

  test('JSON that is not one JSON-RPC message gets 400 with JSON-RPC error -32600', async () => {
    const stream = await openStream(server, { headers });
    const answer = await stream.post([call(1, 'ping'), call(2, 'ping')]);
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.body)).toMatchObject({ jsonrpc: '2.0', id: null, error: { code: -32600 } });
    stream.close();
  });
});

describe('pages', () => {
  test('/health needs no credential and counts the sessions', async () => {
    const before = JSON.parse((await send(server, 'GET', '/health')).body);
    const stream = await openStream(server, { headers });
    const answer = await send(server, 'GET', '/health');
    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toBe('application/json');
    expect(JSON.parse(answer.body)).toEqual({
      status: 'ok',
      sessions: before.sessions + 1,
      uptimeSeconds: expect.any(Number),
    });
    stream.close();
  });

  test.each(['protected-resource', 'authorization-server', 'openid-configuration', 'protected-resource/sse'])(
    'without an issuer there is nothing at /.well-known/oauth-%s, in JSON',
    async (name) => {
      const answer = await send(server, 'GET', `/.well-known/oauth-${name}`);
      expect(answer.status).toBe(404);
      expect(errorOf(answer).code).toBe('not_found');
    },
  );

  test('the landing page names the endpoints and no secret', async () => {
    const answer = await send(server, 'GET', '/');
    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toMatch(/^text\/html/);
    expect(answer.body).toContain(`127.0.0.1:${server.port}/sse`);
    expect(answer.body).not.toContain(headers['X-API-Key']);
  });

  test("the metrics page is in Prometheus's format", async () => {
    const answer = await send(server, 'GET', '/metrics', { headers });
    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(answer.body).toMatch(/^mcp_sessions_open \d+$/m);
  });
});

describe('every refusal', () => {
  test.each([
    ['GET', '/sse', {}, 401],
    ['GET', '/nothing', headers, 404],
    ['PUT', '/sse', headers, 405],
    ['POST', '/messages', headers, 400],
    ['POST', '/messages?sessionId=unknown', headers, 404],
    ['GET', '/sse', { ...headers, Host: 'evil.example.com' }, 403],
  ])(
    'of %s %s is JSON with a code and a message, and echoes nothing',
    async (method, path, given, status) => {
      const answer = await send(server, method, path, { headers: given as Record<string, string> });
      expect(answer.status).toBe(status);
      expect(answer.headers['content-type']).toBe('application/json');
      expect(JSON.parse(answer.body)).toEqual({
        error: { code: expect.any(String), message: expect.any(String) },
      });
      expect(answer.body).not.toMatch(/unknown|evil|secret|at .*\.js/);
    },
  );
});
