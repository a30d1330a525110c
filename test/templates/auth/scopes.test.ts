import { afterAll, beforeAll, expect, test } from 'vitest';
import { callTool, openStream, post } from '../support/client.js';
import { openHttpSession } from '../support/http-session.js';
import { type RunningServer, startServer } from '../support/server.js';
import { bearer, sign } from './credentials.js';

// The tool `claims` requires the scope `read`.

const issuer = 'https://issuer.example';
let server: RunningServer;
beforeAll(async () => {
  server = await startServer('jwt', { JWT_ISSUER: issuer });
});
afterAll(() => server.stop());

const headersFor = async (claims: Record<string, unknown>) => bearer(await sign({ iss: issuer, ...claims }));

/** A tool call over Streamable HTTP. */
const callOverMcp = (headers: Record<string, string>) =>
  post(server, '/mcp', callTool(1, 'claims'), { Accept: 'application/json, text/event-stream', ...headers });

test.each([
  ['scope', { scope: 'write read' }],
  ['scp as text', { scp: 'read write' }],
  ['scp as a list', { scp: ['read'] }],
])('a call with the scope is let through, over SSE and over Streamable HTTP: %s', async (_, claims) => {
  const headers = await headersFor(claims);
  const stream = await openStream(server, { headers });
  await stream.post(callTool(1, 'claims'));
  expect(JSON.parse((await stream.message(1)).result.content[0].text)).toMatchObject({
    sub: 'alice',
    ...claims,
  });
  stream.close();

  const answer = await callOverMcp(headers);
  expect(answer.status).toBe(200);
  expect(answer.body).toContain('alice');
});

test.each([
  ['no scopes', {}],
  ['other scopes', { scope: 'write read:all rea' }],
  ['something that is no scope', { scope: { read: true } }],
])('over SSE a call with %s gets an error, and the session continues', async (_, claims) => {
  const stream = await openStream(server, { headers: await headersFor(claims) });
  expect((await stream.post(callTool(1, 'claims'))).status).toBe(202);
  expect(await stream.message(1)).toEqual({
    jsonrpc: '2.0',
    id: 1,
    error: {
      code: -32600,
      message: 'insufficient_scope: this needs read',
      data: { error: 'insufficient_scope', scope: 'read' },
    },
  });
  await stream.post(callTool(2, 'whoami'));
  expect((await stream.message(2)).result.content[0].text).toContain('alice');
  stream.close();
});

test('over SSE the token sent with the call decides which scopes the caller has', async () => {
  const stream = await openStream(server, { headers: await headersFor({ scope: 'read' }) });
  await stream.post(callTool(1, 'claims'), await headersFor({ scope: 'write' }));
  expect((await stream.message(1)).error.message).toContain('insufficient_scope');
  stream.close();
});

test('JWT_SCOPE_CLAIM names another claim with the scopes, and `scope` then counts no longer', async () => {
  const other = await startServer('jwt', { JWT_ISSUER: issuer, JWT_SCOPE_CLAIM: 'permissions' });
  const stream = await openStream(other, { headers: await headersFor({ permissions: ['read'] }) });
  await stream.post(callTool(1, 'claims'));
  expect((await stream.message(1)).result.content[0].text).toContain('alice');
  await stream.post(callTool(2, 'claims'), await headersFor({ scope: 'read', permissions: ['write'] }));
  expect((await stream.message(2)).error.message).toContain('insufficient_scope');
  await other.stop();
});

test.each([
  ['without a session', callOverMcp],
  [
    'in a session',
    async (headers: Record<string, string>) =>
      (await openHttpSession(server, headers)).post(callTool(1, 'claims')),
  ],
])(
  'over Streamable HTTP %s, a call without the scope gets 403, with the scope and the issuer to ask',
  async (_, ask) => {
    const { status, headers } = await ask(await headersFor({ scope: 'write' }));
    expect(status).toBe(403);
    const challenge = headers['www-authenticate'];
    expect(challenge).toMatch(/^Bearer /);
    expect(challenge).toContain('error="insufficient_scope"');
    expect(challenge).toContain('scope="read"');
    expect(challenge).toContain(
      `resource_metadata="${server.origin}/.well-known/oauth-protected-resource/mcp"`,
    );
  },
);

test('tools that require no scope are open to every caller', async () => {
  const stream = await openStream(server, { headers: await headersFor({}) });
  await stream.post(callTool(1, 'echo', { text: 'hello' }));
  expect((await stream.message(1)).result.content[0].text).toBe('hello');
  stream.close();
});
