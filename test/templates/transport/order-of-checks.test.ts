import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, call, callTool, openStream, post, type Stream, send } from '../support/client.js';
import { goodHeaders, type RunningServer, startServer, startTestServer } from '../support/server.js';

// A request that is wrong in two ways is answered by the check that comes first. The order is part of the
// contract: nothing is learned about sessions without a credential, nothing is read before it has to be.

const headers = goodHeaders.apikey;
const evilHost = { Host: 'evil.example.com' };
const evilOrigin = { Origin: 'https://evil.example.com' };
const tooLarge = 'x'.repeat(2048);

function outcome({ status, body }: Answer): string {
  return `${status} ${body.startsWith('{') ? JSON.parse(body).error.code : body}`;
}

describe('the checks of an open server', () => {
  let server: RunningServer;
  beforeAll(async () => {
    server = await startServer('apikey', {
      ALLOWED_ORIGINS: 'https://app.example.com',
      MAX_MESSAGE_SIZE: '1kb',
      RATE_LIMIT: '0',
    });
  });
  afterAll(() => server.stop());

  test.each([
    ['host before origin', 'GET', '/sse', { ...headers, ...evilHost, ...evilOrigin }, '403 host_not_allowed'],
    ['host before preflight', 'OPTIONS', '/sse', evilHost, '403 host_not_allowed'],
    ['host before path', 'GET', '/nothing', evilHost, '403 host_not_allowed'],
    ['host before credential', 'GET', '/sse', evilHost, '403 host_not_allowed'],
    ['origin before preflight', 'OPTIONS', '/sse', evilOrigin, '403 origin_not_allowed'],
    ['origin before path', 'GET', '/nothing', evilOrigin, '403 origin_not_allowed'],
    ['origin before credential', 'GET', '/sse', evilOrigin, '403 origin_not_allowed'],
    ['preflight before path', 'OPTIONS', '/nothing', {}, '204 '],
    ['path before credential', 'GET', '/nothing', {}, '404 not_found'],
    ['method before credential', 'PUT', '/sse', {}, '405 method_not_allowed'],
  ])('%s', async (_, method, path, given, expected) => {
    expect(outcome(await send(server, method, path, { headers: given }))).toBe(expected);
  });

  const plain = { ...headers, 'Content-Type': 'text/plain' };
  test.each([
    ['credential before session id', '/messages', call(1, 'ping'), {}, '401 unauthorized'],
    ['credential before session', '/messages?sessionId=unknown', call(1, 'ping'), {}, '401 unauthorized'],
    ['credential before size', '/messages?sessionId=unknown', tooLarge, {}, '401 unauthorized'],
    ['session id before content type', '/messages', tooLarge, plain, '400 session_id_missing'],
    ['session before content type', '/messages?sessionId=unknown', tooLarge, plain, '404 session_not_found'],
    ['session before size', '/messages?sessionId=unknown', tooLarge, headers, '404 session_not_found'],
    ['session before JSON', '/messages?sessionId=unknown', '{', headers, '404 session_not_found'],
  ])('%s', async (_, path, body, given, expected) => {
    expect(outcome(await post(server, path, body, given))).toBe(expected);
  });

  test('content type before size, size before JSON, JSON before message', async () => {
    const stream = await openStream(server, { headers });
    expect(outcome(await stream.post(tooLarge, { 'Content-Type': 'text/plain' }))).toBe(
      '415 unsupported_media_type',
    );
    expect(outcome(await stream.post(tooLarge))).toBe('413 message_too_large');
    expect(outcome(await stream.post('{'))).toBe('400 -32700');
    expect(outcome(await stream.post('{}'))).toBe('400 -32600');
    stream.close();
  });
});

describe('the checks of a server at its limits', () => {
  let server: RunningServer;
  let stream: Stream;
  beforeAll(async () => {
    server = await startServer('apikey', {
      MAX_SESSIONS: '1',
      RATE_LIMIT: '1',
      AUTH_FAILURES_PER_MINUTE: '2',
    });
    stream = await openStream(server, { headers });
  });
  afterAll(() => server.stop());

  test('the path before room for a session', async () => {
    expect(outcome(await send(server, 'GET', '/nothing'))).toBe('404 not_found');
    expect(outcome(await send(server, 'DELETE', '/sse'))).toBe('405 method_not_allowed');
    expect((await post(server, '/sse', '{}')).headers['content-type']).toBe('text/plain');
  });

  test('room for a session before the credential', async () => {
    expect(outcome(await send(server, 'GET', '/sse'))).toBe('503 server_full');
  });

  test('the credential before the rate of its caller, the rate before the session id', async () => {
    const answers: string[] = [];
    for (let i = 0; i < 4; i++) answers.push(outcome(await post(server, '/messages', '{', headers)));
    expect(answers).toContain('429 too_many_requests');
    expect(answers.indexOf('429 too_many_requests')).toBe(2); // In bursts of twice the rate.
    expect(outcome(await stream.post('{', { 'X-API-Key': '' }))).toBe('401 unauthorized');
  });

  test('too many bad credentials of an address before its next credential', async () => {
    const answers: string[] = [];
    for (let i = 0; i < 4; i++) {
      answers.push(outcome(await post(server, '/messages', '{', { 'X-API-Key': `wrong-key-number-${i}` })));
    }
    expect(answers).toContain('429 too_many_requests');
    expect(outcome(await post(server, '/messages', '{', headers))).toBe('429 too_many_requests');
  });
});

describe('the checks of a server that shuts down', () => {
  let server: RunningServer;
  beforeAll(async () => {
    server = await startTestServer('apikey', { SHUTDOWN_SECONDS: '20', RATE_LIMIT: '0' });
    const stream = await openStream(server, { headers });
    await stream.post(callTool(1, 'hang')); // Keeps it from being over at once.
    server.process.kill('SIGTERM');
    await server.logged({ msg: 'stopping' });
  });
  afterAll(() => server.stop('SIGKILL'));

  test.each([
    ['GET', '/health', {}],
    ['GET', '/nothing', {}],
    ['OPTIONS', '/sse', {}],
    ['POST', '/sse', {}],
    ['POST', '/messages', headers],
    ['POST', '/mcp', headers],
    ['POST', '/mcp', {}],
    ['GET', '/health', evilHost],
    ['GET', '/health', evilOrigin],
  ])('shutting down before everything else: %s %s', async (method, path, given) => {
    const answer = await send(server, method, path, { headers: given as Record<string, string> });
    expect(outcome(answer)).toBe('503 shutting_down');
    expect(answer.headers.connection).toBe('close');
  });
});
