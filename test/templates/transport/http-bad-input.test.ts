import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { call, callTool, eventually, metric, rawConnection, rawRequest, send } from '../support/client.js';
import { type HttpSession, initialize, openHttpSession, postMcp } from '../support/http-session.js';
import { type RunningServer, startTestServer } from '../support/server.js';

// What clients get wrong about sessions on /mcp: the statuses are those of the specification, and nothing is left behind.
// https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#session-management

const keys = {
  alice: 'a-key-that-only-alice-has-0123456789ab',
  bob: 'a-key-that-only-bob-has-0123456789abcd',
};
const alice = { 'X-API-Key': keys.alice };
const bob = { 'X-API-Key': keys.bob };
const ping = call(1, 'ping');
const initialized = { jsonrpc: '2.0', method: 'notifications/initialized' };

let server: RunningServer;
/** Of Alice; of Bob; and one of Alice that speaks the only version with several messages in one array. */
let session: HttpSession;
let bobs: HttpSession;
let batching: HttpSession;
beforeAll(async () => {
  server = await startTestServer('apikey', {
    API_KEY: `alice:${keys.alice},bob:${keys.bob}`,
    RESUME_SECONDS: '5',
  });
});
afterAll(() => server.stop());
beforeEach(async () => {
  session = await openHttpSession(server, alice);
  bobs = await openHttpSession(server, bob);
  batching = await openHttpSession(server, alice, { version: '2025-03-26' });
  return async () => {
    for (const each of [session, bobs, batching]) await each.end();
    const left = async () => ({
      sessions: JSON.parse((await send(server, 'GET', '/health')).body).sessions,
      waiting: await metric(server, 'mcp_sessions_waiting', alice),
    });
    await eventually(left, ({ sessions, waiting }) => sessions === 0 && waiting === 0);
  };
});

type Ask = () => Promise<{ status: number; body: string }>;

/** A request with an id that is no session's, by every method. */
const withId = (id: string): [string, number, Ask][] => {
  const headers = { ...alice, 'Mcp-Session-Id': id };
  return [
    ['POST', 404, () => postMcp(server, ping, headers)],
    ['GET', 404, () => send(server, 'GET', '/mcp', { headers: { ...headers, Accept: 'text/event-stream' } })],
    ['DELETE', 404, () => send(server, 'DELETE', '/mcp', { headers })],
  ];
};

describe.each([
  ['an unknown', 'AAAAAAAAAAAAAAAAAAAAAA'],
  ['an empty', ''],
  ['a long', 'x'.repeat(10_000)],
  ['a UUID as', '0f8fad5b-d9cb-469f-a165-70867728950e'],
  ['two in one', 'AAAA, BBBB'],
  ['a property of all objects as', '__proto__'],
  ['a path as', '../../etc/passwd'],
])('%s session id', (_, id) => {
  test.each(withId(id))('gets its %s answered with %i', async (_, status, ask) => {
    expect((await ask()).status).toBe(status);
  });
});

const duplicate = (id: number) => [call(id, 'ping'), call(id, 'ping')];
const table: [string, number, Ask][] = [
  [
    'GET without a session id',
    405,
    () => send(server, 'GET', '/mcp', { headers: { ...alice, Accept: 'text/event-stream' } }),
  ],
  ['DELETE without a session id', 405, () => send(server, 'DELETE', '/mcp', { headers: alice })],
  ['HEAD', 405, () => send(server, 'HEAD', '/mcp', { headers: session.headers })],
  ['PUT', 405, () => send(server, 'PUT', '/mcp', { headers: session.headers })],
  ["POST with another caller's session id", 404, () => bobs.post(ping, { 'Mcp-Session-Id': session.id })],
  ["GET with another caller's session id", 404, () => bobs.get({ 'Mcp-Session-Id': session.id })],
  ["DELETE with another caller's session id", 404, () => bobs.end({ 'Mcp-Session-Id': session.id })],
  ['GET that does not take events', 406, () => session.get({ Accept: 'application/json' })],
  ['a request that does not take events', 406, () => session.post(ping, { Accept: 'application/json' })],
  [
    'initialize that does not take events',
    406,
    () => postMcp(server, initialize(), { ...alice, Accept: 'application/json' }),
  ],
  ['initialize with the id of a session', 400, () => session.post(initialize())],
  [
    'initialize with an unknown id',
    404,
    () => postMcp(server, initialize(), { ...alice, 'Mcp-Session-Id': 'gone' }),
  ],
  ['an unknown version', 400, () => session.post(ping, { 'MCP-Protocol-Version': '1999-01-01' })],
  ['a version that has no sessions', 400, () => session.post(ping, { 'MCP-Protocol-Version': '2026-07-28' })],
  ['GET with an unknown version', 400, () => session.get({ 'MCP-Protocol-Version': 'no version' })],
  ['DELETE with an unknown version', 400, () => session.end({ 'MCP-Protocol-Version': 'no version' })],
  [
    'another version than agreed, which is known',
    200,
    () => session.post(ping, { 'MCP-Protocol-Version': '2025-03-26' }),
  ],
  ['Last-Event-ID that is no id', 400, () => session.get({ 'Last-Event-ID': 'x' })],
  ['Last-Event-ID of a stream that never was', 400, () => session.get({ 'Last-Event-ID': '77-1' })],
  [
    "Last-Event-ID of an SSE session's event",
    400,
    () => session.get({ 'Last-Event-ID': 'AAAAAAAAAAAAAAAAAAAAAA:1' }),
  ],
  [
    'Last-Event-ID without a session id',
    405,
    () =>
      send(server, 'GET', '/mcp', {
        headers: { ...alice, Accept: 'text/event-stream', 'Last-Event-ID': '0-1' },
      }),
  ],
  ['several messages in one array', 400, () => session.post([ping, call(2, 'ping')])],
  [
    'several messages in one array, in 2025-03-26',
    200,
    () => batching.post([ping, initialized, call(2, 'ping')]),
  ],
  ['several notifications in one array, in 2025-03-26', 202, () => batching.post([initialized, initialized])],
  ['an empty array', 400, () => batching.post([])],
  ['an array with initialize in it', 400, () => batching.post([initialize(), ping])],
  ['an array of two requests with one id', 400, () => batching.post(duplicate(5))],
  ['an array with something else in it', 400, () => batching.post([ping, 'x'])],
  ['no JSON', 400, () => session.post('{')],
  ['JSON that is no message', 400, () => session.post({ id: 1 })],
  ['no JSON-RPC 2.0', 400, () => session.post({ id: 1, method: 'ping' })],
  ['a request whose id is null', 400, () => session.post({ jsonrpc: '2.0', id: null, method: 'ping' })],
  ['a reply that nobody waits for', 202, () => session.post({ jsonrpc: '2.0', id: 77, result: {} })],
  [
    'a cancellation of nothing',
    202,
    () => session.post({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 77 } }),
  ],
  [
    'a cancellation without an id',
    202,
    () => session.post({ jsonrpc: '2.0', method: 'notifications/cancelled' }),
  ],
  ['another content type', 415, () => session.post(ping, { 'Content-Type': 'text/plain' })],
  [
    'a request before notifications/initialized',
    200,
    async () => {
      const { headers } = await postMcp(server, initialize(), alice);
      const own = { ...alice, 'Mcp-Session-Id': String(headers['mcp-session-id']) };
      const answer = await postMcp(server, ping, own);
      await send(server, 'DELETE', '/mcp', { headers: own });
      return answer;
    },
  ],
];

test.each(table)('%s is answered with %i', async (_, status, ask) => {
  const { status: actual, body } = await ask();
  expect(actual, body).toBe(status);
  // The session is as good as before.
  expect((await session.post(ping)).status).toBe(200);
});

test('initialize with invalid parameters begins no session', async () => {
  const { status, headers, body } = await postMcp(server, call(1, 'initialize', {}), alice);
  expect([status, headers['mcp-session-id']]).toEqual([200, undefined]);
  expect(body).toContain('"error"');
});

test('a request whose id is that of a running call is refused, and the call goes on', async () => {
  const response = await session.events(callTool(5, 'wait', { ms: 300, text: 'undisturbed' }));
  const { status, body } = await session.post(callTool(5, 'echo', { text: '' }));
  expect([status, JSON.parse(body).error.code]).toEqual([400, -32600]);
  expect((await response.message(5)).result.content[0].text).toBe('undisturbed');
});

test("another session's event named in Last-Event-ID brings nothing of that session", async () => {
  const response = await bobs.events(callTool(1, 'echo', { text: 'for Bob' }));
  const { id } = await response.next(({ event }) => event === 'message');
  await response.closed;
  expect((await session.get({ 'Last-Event-ID': id })).status).toBe(400);
});

test('DELETE while a call runs and a stream is open ends both', async () => {
  const [stream, response] = [await session.listen(), await session.events(callTool(1, 'hang'))];
  expect((await session.end()).status).toBe(204);
  await Promise.all([stream.closed, response.closed]);
  const answers = [await session.post(ping), await session.get(), await session.end()];
  expect(answers.map(({ status }) => status)).toEqual([404, 404, 404]);
  session = await openHttpSession(server, alice);
});

test('a session that ends while a body comes refuses the message', async () => {
  const connection = await rawConnection(server);
  const body = JSON.stringify(ping);
  const expecting = { ...session.headers, 'Content-Type': 'application/json', Expect: '100-continue' };
  connection.write(rawRequest('POST', '/mcp', expecting, body).slice(0, -body.length));
  await connection.until(/100 Continue\r\n\r\n/); // The session was found, and the body is wanted.
  await session.end();
  connection.write(body);
  expect(await connection.until(/\r\n\r\n\{.*\}$/)).toContain('HTTP/1.1 404 ');
  connection.socket.destroy();
  session = await openHttpSession(server, alice);
});
