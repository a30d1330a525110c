import { afterEach, describe, expect, test } from 'vitest';
import { bearer, inSeconds, sign } from '../auth/credentials.js';
import { makeKey, startKeyServer } from '../auth/key-server.js';
import { call, post, send } from '../support/client.js';
import { type Auth, secret } from '../support/projects.js';
import { goodHeaders, type RunningServer, startServer } from '../support/server.js';

// Why a request was refused, for who runs the server: one line of the log each, and a label of the counter.

let server: RunningServer;
afterEach(() => server?.stop('SIGKILL'));

const other = new TextEncoder().encode('another secret that is 32 bytes long');
const jwt = { JWT_ISSUER: 'me', JWT_AUDIENCE: 'here' };
const good = { iss: 'me', aud: 'here' };

type Case = [
  what: string,
  headers: () => Record<string, string> | Promise<Record<string, string>>,
  label: string,
  reason: RegExp,
  settings?: Record<string, string>,
];

const cases: Partial<Record<Auth, Case[]>> = {
  apikey: [
    ['no key', () => ({}), 'missing', /no credential was sent/],
    ['a wrong key', () => ({ 'X-API-Key': 'wrong' }), 'unknown_key', /no such key/],
    ['an empty key', () => ({ 'X-API-Key': '' }), 'unknown_key', /no such key/],
    ['two keys', () => ({ Authorization: 'Basic x' }), 'malformed', /expected form/],
    ['a key with its id', () => ({ 'X-API-Key': `default:${secret}` }), 'key_with_id', /with its id/],
    ['a key with its id as a bearer', () => bearer(`default:${secret}`), 'key_with_id', /with its id/],
    [
      'a key with its id and scopes',
      () => ({ 'X-API-Key': `default:${secret}:read write` }),
      'key_with_id',
      /with its id/,
    ],
    [
      'a key that the server has in quotes',
      () => ({ 'X-API-Key': secret }),
      'key_in_quotes',
      /quotes/,
      { API_KEY: `"${secret}"` },
    ],
    [
      'one that it has in single quotes',
      () => ({ 'X-API-Key': secret }),
      'key_in_quotes',
      /quotes/,
      { API_KEY: `'${secret}'` },
    ],
    [
      'one that it has in quotes with an id',
      () => ({ 'X-API-Key': secret }),
      'key_in_quotes',
      /quotes/,
      { API_KEY: `"a:${secret}"` },
    ],
    [
      'the first of several in quotes',
      () => ({ 'X-API-Key': secret }),
      'key_in_quotes',
      /quotes/,
      { API_KEY: `"${secret},b:another-key-of-the-tests-0123"` },
    ],
  ],
  jwt: [
    ['no token', () => ({}), 'missing', /no credential was sent/, jwt],
    ['what is no token', () => bearer('x.y.z'), 'malformed', /form/, jwt],
    ['another scheme', () => ({ Authorization: 'Basic x' }), 'malformed', /form/, jwt],
    [
      'a wrong signature',
      async () => bearer(await sign(good, { key: other })),
      'bad_signature',
      /signature/,
      jwt,
    ],
    [
      'a wrong audience',
      async () => bearer(await sign({ ...good, aud: 'there' })),
      'wrong_audience',
      /`aud`/,
      jwt,
    ],
    ['a wrong issuer', async () => bearer(await sign({ ...good, iss: 'you' })), 'wrong_issuer', /`iss`/, jwt],
    [
      'an expired token',
      async () => bearer(await sign({ ...good, exp: inSeconds(-9) })),
      'expired',
      /expired/,
      jwt,
    ],
    [
      'a token of tomorrow',
      async () => bearer(await sign({ ...good, nbf: inSeconds(99) })),
      'not_yet_valid',
      /not valid yet/,
      jwt,
    ],
    ['no expiry', async () => bearer(await sign({ ...good, exp: undefined })), 'no_expiry', /`exp`/, jwt],
    ['no subject', async () => bearer(await sign({ ...good, sub: undefined })), 'no_subject', /claim/, jwt],
    [
      'another algorithm',
      async () => bearer(await sign(good, { header: { alg: 'HS512' }, key: new Uint8Array(64) })),
      'wrong_algorithm',
      /JWT_ALGORITHMS/,
      jwt,
    ],
    [
      'a secret in quotes',
      async () => bearer(await sign(good)),
      'secret_in_quotes',
      /quotes/,
      { ...jwt, JWT_SECRET: `"${secret}"` },
    ],
    [
      'a secret in single quotes',
      async () => bearer(await sign(good)),
      'secret_in_quotes',
      /quotes/,
      { ...jwt, JWT_SECRET: `'${secret}'` },
    ],
  ],
  custom: [['anything', () => bearer('x'), 'refused', /the provider refused it/]],
};

for (const [auth, rows] of Object.entries(cases) as [Auth, Case[]][]) {
  test.each(rows)(`${auth}: %s`, async (_, headers, label, reason, settings = {}) => {
    server = await startServer(auth, { METRICS: 'public', ...settings });
    const sent = await headers();
    for (const [method, path] of [
      ['GET', '/sse'],
      ['POST', '/messages?sessionId=x'],
      ['POST', '/mcp'],
    ] as const) {
      const { status, body } = await send(server, method, path, { headers: sent });
      expect(status).toBe(401);
      expect(body).not.toMatch(reason);
      const line = await server.logged({ msg: 'request refused', path: path.split('?')[0], status: 401 });
      expect(line).toMatchObject({ level: 'info', code: 'unauthorized' });
      expect(line.reason).toMatch(reason);
    }
    const { body } = await send(server, 'GET', '/metrics');
    expect(body).toContain(`mcp_auth_failures_total{reason="${label}"} 3\n`);
    for (const value of [secret, sent['X-API-Key'], sent.Authorization?.slice(7)]) {
      if (value && value.length > 10) expect(server.output()).not.toContain(value);
    }
  });
}

test('jwt: a key that the issuer does not have', async () => {
  const idp = await startKeyServer(makeKey('known', 'ES256'));
  const settings = { JWT_SECRET: '', JWT_JWKS_URL: idp.url, JWT_ISSUER: 'me', JWT_AUDIENCE: 'here' };
  server = await startServer('jwt', { METRICS: 'public', ...settings });
  const { privateKey } = makeKey('unknown', 'ES256');
  const token = await sign(good, { key: privateKey, header: { alg: 'ES256', kid: 'unknown' } });
  expect((await send(server, 'GET', '/sse', { headers: bearer(token) })).status).toBe(401);
  expect((await server.logged({ status: 401 })).reason).toMatch(/`kid`/);
  expect((await send(server, 'GET', '/metrics')).body).toContain('{reason="unknown_signing_key"} 1\n');
  await idp.stop();
});

describe('of any server', () => {
  test.each([
    ['a wrong host', 'GET', '/health', { Host: 'evil.example' }, 403, /^host evil\.example$/],
    ['a long host', 'GET', '/health', { Host: 'x'.repeat(5000) }, 403, /^host x{100}…$/],
    [
      'a wrong origin',
      'GET',
      '/health',
      { Origin: 'https://evil.example' },
      403,
      /^origin https:\/\/evil\.example$/,
    ],
    ['no origin', 'GET', '/health', { Origin: 'null' }, 403, /^origin null$/],
    ['a cross-site request', 'GET', '/sse', { 'Sec-Fetch-Site': 'cross-site' }, 403, /cross-site/],
    ['types that no reply has', 'POST', '/mcp', { Accept: 'text/html' }, 406, /^Not Acceptable$/],
  ])('%s', async (_, method, path, headers, status, reason) => {
    server = await startServer('none');
    const all = { 'Content-Type': 'application/json', ...headers };
    const body = method === 'POST' ? JSON.stringify(call(1, 'ping')) : undefined;
    expect((await send(server, method, path, { headers: all, ...(body && { body }) })).status).toBe(status);
    const line = await server.logged({ msg: 'request refused', status });
    expect(line.level).toBe('info');
    expect(line.reason).toMatch(reason);
  });

  test('a header that contradicts the body, without what either says', async () => {
    server = await startServer('none');
    const _meta = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientInfo': { name: 'x', version: '1' },
      'io.modelcontextprotocol/clientCapabilities': {},
    };
    const headers = {
      'MCP-Protocol-Version': '2026-07-28',
      'Mcp-Method': 'the-header',
      Accept: 'application/json, text/event-stream',
    };
    expect((await post(server, '/mcp', call(1, 'tools/list', { _meta }), headers)).status).toBe(400);
    expect((await server.logged({ msg: 'request refused', status: 400 })).reason).toBe(
      'the request headers and body disagree',
    );
    expect(server.output()).not.toContain('the-header');
  });

  test('no message text is logged, however it fails', async () => {
    server = await startServer('none', { LOG_LEVEL: 'debug' });
    const marked = 'marked-text'.repeat(20);
    const accept = { Accept: 'application/json, text/event-stream' };
    for (const message of [
      call(1, marked),
      { jsonrpc: '2.0', id: marked, result: {} },
      { jsonrpc: '2.0', id: marked, error: { code: 1, message: marked } },
      { jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: marked, progress: 1 } },
      { jsonrpc: '2.0', [marked]: 1 },
      [call(1, marked), call(2, marked)],
    ]) {
      await post(server, '/mcp', message, accept);
    }
    expect(server.output()).not.toContain('marked-text');
  });
});

test('what a client accepts is read as it is meant', async () => {
  server = await startServer('none');
  for (const Accept of [
    '*/*',
    'text/event-stream',
    'Text/Event-Stream, APPLICATION/JSON',
    'application/json;q=0.5, text/event-stream;q=0.9',
    'text/*',
  ]) {
    expect((await post(server, '/mcp', call(1, 'ping'), { Accept })).status).toBe(200);
  }
  expect((await post(server, '/mcp', call(1, 'ping'))).status).toBe(200);
  for (const type of ['application/json', 'Application/JSON', 'application/json ; charset=UTF-8']) {
    const headers = { 'Content-Type': type, Accept: '*/*' };
    expect((await post(server, '/mcp', call(1, 'ping'), headers)).status).toBe(200);
  }
});

test('a good credential leaves no such line', async () => {
  server = await startServer('apikey');
  expect((await send(server, 'GET', '/metrics', { headers: goodHeaders.apikey })).status).toBe(200);
  expect(server.output()).not.toContain('request refused');
});
