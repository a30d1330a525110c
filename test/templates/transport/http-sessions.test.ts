import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import {
  call,
  callTool,
  eventually,
  metric,
  openStream,
  post,
  rawConnection,
  rawRequest,
  send,
} from '../support/client.js';
import { initialize, messagesIn, openHttpSession, postMcp } from '../support/http-session.js';
import { type RunningServer, startTestServer } from '../support/server.js';

// Streamable HTTP as the protocol versions of 2025 have it: sessions on /mcp.

const keys = {
  alice: 'a-key-that-only-alice-has-0123456789ab',
  bob: 'a-key-that-only-bob-has-0123456789abcd',
};
const alice = { 'X-API-Key': keys.alice };
const bob = { 'X-API-Key': keys.bob };

async function start(settings: Record<string, string> = {}): Promise<RunningServer> {
  const server = await startTestServer('apikey', {
    API_KEY: `alice:${keys.alice},bob:${keys.bob}`,
    LOG_FORMAT: 'json',
    RESUME_SECONDS: '10',
    ...settings,
  });
  onTestFinished(async () => void (await server.stop('SIGKILL')));
  return server;
}

let server: RunningServer;
beforeAll(async () => {
  server = await startTestServer('apikey', {
    API_KEY: `alice:${keys.alice},bob:${keys.bob}`,
    LOG_FORMAT: 'json',
    RESUME_SECONDS: '10',
    MAX_SESSIONS_PER_CLIENT: '1000',
  });
});
afterAll(() => server.stop());

const sessionsOf = async (target: RunningServer) =>
  JSON.parse((await send(target, 'GET', '/health')).body).sessions as number;

/** What a session is asked when a test wants a reply: who is asking. */
const whoami = callTool(1, 'whoami');

test('initialize begins a session whose id every later response repeats', async () => {
  const session = await openHttpSession(server, alice);
  expect(session.id).toMatch(/^[\w-]{22}$/);
  const answer = await session.post(callTool(1, 'echo', { text: 'hello' }));
  expect(answer.headers).toMatchObject({
    'mcp-session-id': session.id,
    'content-type': 'text/event-stream',
    'cache-control': 'no-cache, no-transform',
  });
  expect(messagesIn(answer.body)).toEqual([
    { jsonrpc: '2.0', id: 1, result: { content: [{ type: 'text', text: 'hello' }] } },
  ]);
});

test('calls of one session can share one connection', async () => {
  const session = await openHttpSession(server, alice);
  const connection = await rawConnection(server);
  for (const id of [1, 2]) {
    const body = JSON.stringify(callTool(id, 'echo', { text: `call ${id}` }));
    connection.write(
      rawRequest('POST', '/mcp', { ...session.headers, 'Content-Type': 'application/json' }, body),
    );
    await connection.until(new RegExp(`call ${id}[^]*\r\n0\r\n\r\n`));
  }
  connection.socket.destroy();
});

test('the session of another caller is answered as one that does not exist, byte for byte', async () => {
  const session = await openHttpSession(server, alice);
  const strangers = { ...session.headers, ...bob };
  const unknown = { ...strangers, 'Mcp-Session-Id': 'AAAAAAAAAAAAAAAAAAAAAA' };
  const asked = async (headers: Record<string, string>) => {
    const events = { ...headers, Accept: 'text/event-stream' };
    const answers = [
      await postMcp(server, whoami, headers),
      await send(server, 'GET', '/mcp', { headers: events }),
      await send(server, 'DELETE', '/mcp', { headers }),
    ];
    return answers.map(({ status, body }) => ({ status, body }));
  };
  const asBob = await asked(strangers);
  expect(asBob.map(({ status }) => status)).toEqual([404, 404, 404]);
  expect(asBob).toEqual(await asked(unknown));
  expect((await session.post(whoami)).status).toBe(200);
});

test('a session over SSE and one over Streamable HTTP cannot be used over the other transport', async () => {
  const http = await openHttpSession(server, alice);
  const sse = await openStream(server, { headers: alice });
  onTestFinished(() => sse.close());
  const sseId = sse.endpoint.split('sessionId=')[1] as string;
  expect((await post(server, `/messages?sessionId=${http.id}`, whoami, alice)).status).toBe(404);
  expect((await postMcp(server, whoami, { ...alice, 'Mcp-Session-Id': sseId })).status).toBe(404);
});

test('what the server sends by itself comes on the stream that the client opened', async () => {
  const session = await openHttpSession(server, alice);
  const stream = await session.listen();
  await stream.comment(); // It is open before anything is sent.
  await session.post(callTool(1, 'grow'));
  await stream.notification('notifications/tools/list_changed');
  stream.close();
});

test('what was sent before the client opened its stream waits for it', async () => {
  const session = await openHttpSession(server, alice);
  const { body } = await session.post(callTool(1, 'grow', { later: true }));
  expect(messagesIn(body)).toHaveLength(1);
  const stream = await session.listen();
  await stream.notification('notifications/tools/list_changed');
  stream.close();
});

test('a client that opens no stream is told on the responses to its requests', async () => {
  const session = await openHttpSession(server, alice);
  const { body } = await session.post(callTool(1, 'grow'));
  expect(messagesIn(body)).toMatchObject([{ method: 'notifications/tools/list_changed' }, { id: 1 }]);
});

test('a tool asks its client on the response to the call, and gets the answer from another request', async () => {
  const session = await openHttpSession(server, alice, { capabilities: { roots: {} } });
  const response = await session.events(callTool(1, 'ask', { method: 'roots/list', params: {} }));
  const { data } = await response.next(({ data }) => data.includes('roots/list'));
  const answered = await session.post({ jsonrpc: '2.0', id: JSON.parse(data).id, result: { roots: [] } });
  expect(answered.status).toBe(202);
  expect((await response.message(1)).result.content).toEqual([{ type: 'text', text: '{"roots":[]}' }]);
  await response.closed;
});

test('a log level counts for the whole session, and for no other', async () => {
  const [quiet, other] = [await openHttpSession(server, alice), await openHttpSession(server, alice)];
  await quiet.post(call(1, 'logging/setLevel', { level: 'error' }));
  const log = callTool(2, 'log', { data: 'hello' });
  expect(messagesIn((await quiet.post(log)).body)).toHaveLength(1);
  expect(messagesIn((await other.post(log)).body)).toHaveLength(2);
});

test('a cancelled call stops its tool, and its response ends', async () => {
  const session = await openHttpSession(server, alice);
  const response = await session.events(callTool(7, 'hang'));
  const aborted = await abortedCalls(session);
  const cancelled = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 7 } };
  expect((await session.post(cancelled)).status).toBe(202);
  expect((await response.message(7)).error.message).toBe('The call was cancelled');
  await response.closed;
  expect(await abortedCalls(session)).toBe(aborted + 1);
});

test('DELETE ends the session and its running calls, and nothing of it is left', async () => {
  const own = await start();
  const session = await openHttpSession(own, alice);
  const [stream, response] = [await session.listen(), await session.events(callTool(7, 'hang'))];
  expect(await sessionsOf(own)).toBe(1);
  expect((await session.end()).status).toBe(204);
  expect((await response.message(7)).error.message).toBe('The session was closed before the call ended');
  await Promise.all([stream.closed, response.closed]);
  expect((await session.post(whoami)).status).toBe(404);
  expect(await sessionsOf(own)).toBe(0);
  expect(await metric(own, 'mcp_sessions_closed_total{reason="client_left"}', alice)).toBe(1);
  const next = await openHttpSession(own, alice);
  expect(await abortedCalls(next)).toBe(1);
});

test('a session without requests and streams ends after SESSION_IDLE_SECONDS, one with a stream does not', async () => {
  const own = await start({ SESSION_IDLE_SECONDS: '1' });
  const [idle, listening] = [await openHttpSession(own, alice), await openHttpSession(own, alice)];
  const stream = await listening.listen();
  await own.logged({ msg: 'session closed', reason: 'idle' });
  expect((await idle.post(whoami)).status).toBe(404);
  expect((await listening.post(whoami)).status).toBe(200);
  stream.close();
});

test('sessions of both transports count towards the same limit of a client', async () => {
  const own = await start({ MAX_SESSIONS_PER_CLIENT: '2' });
  const sse = await openStream(own, { headers: alice });
  const http = await openHttpSession(own, alice);
  const listening = await http.listen();
  const refused = await postMcp(own, initialize(), alice);
  expect([refused.status, refused.headers['retry-after']]).toEqual([429, '10']);
  expect((await postMcp(own, initialize(), bob)).status).toBe(200);
  sse.close();
  listening.close();
});

test('a client that opens session after session loses the ones that it has not used for longest', async () => {
  const own = await start({ MAX_SESSIONS_PER_CLIENT: '2' });
  const [first, second] = [await openHttpSession(own, alice), await openHttpSession(own, alice)];
  await first.post(whoami);
  const third = await openHttpSession(own, alice);
  const statuses = await Promise.all(
    [first, second, third].map(async (each) => (await each.post(whoami)).status),
  );
  expect(statuses).toEqual([200, 404, 200]);
});

test('after a restart an id is unknown, so that its client begins again', async () => {
  const own = await start();
  const session = await openHttpSession(own, alice);
  await own.stop('SIGKILL');
  const again = await start();
  expect((await postMcp(again, whoami, session.headers)).status).toBe(404);
});

test('a request without an id is answered without a session', async () => {
  const answer = await postMcp(server, whoami, alice);
  expect(answer.status).toBe(200);
  expect(answer.headers['mcp-session-id']).toBeUndefined();
});

test('without sessions, initialize is answered without an id, and there is no stream to open', async () => {
  const own = await start({ STREAMABLE_HTTP_SESSIONS: 'off' });
  const begun = await postMcp(own, initialize(), alice);
  expect([begun.status, begun.headers['mcp-session-id']]).toEqual([200, undefined]);
  const get = await send(own, 'GET', '/mcp', { headers: { ...alice, Accept: 'text/event-stream' } });
  expect([get.status, get.headers.allow]).toEqual([405, 'POST, OPTIONS']);
  expect((await postMcp(own, whoami, { ...alice, 'Mcp-Session-Id': 'anything' })).status).toBe(200);
  expect(await sessionsOf(own)).toBe(0);
});

test('a session is logged with its transport, and counted', async () => {
  const own = await start();
  await openHttpSession(own, alice);
  expect(await own.logged({ msg: 'session opened' })).toMatchObject({
    transport: 'streamable-http',
    client: 'alice',
  });
  expect(await metric(own, 'mcp_sessions_open', alice)).toBe(1);
});

test('a result that JSON cannot hold is the error of that call', async () => {
  const session = await openHttpSession(server, alice);
  const [reply] = messagesIn((await session.post(callTool(3, 'odd', { kind: 'bigint' }))).body);
  expect(reply).toMatchObject({ id: 3, error: { code: -32603 } });
});

test('a silent response is kept alive', async () => {
  const own = await start({ KEEP_ALIVE_SECONDS: '1' });
  const session = await openHttpSession(own, alice);
  const response = await session.events(callTool(1, 'hang'));
  expect(await response.comment()).toMatch(/^keep-alive /);
  response.close();
});

test('at shutdown a call may finish, ask its client meanwhile, and new sessions are refused', async () => {
  const own = await start({ SHUTDOWN_SECONDS: '10' });
  const session = await openHttpSession(own, alice, { capabilities: { roots: {} } });
  const response = await session.events(callTool(1, 'ask', { method: 'roots/list', params: {} }));
  const { data } = await response.next(({ data }) => data.includes('roots/list'));
  const stopped = own.stop();
  await eventually(
    () => send(own, 'GET', '/health'),
    ({ status }) => status === 503,
  );
  expect((await postMcp(own, initialize(), alice)).status).toBe(503);
  const answer = { jsonrpc: '2.0', id: JSON.parse(data).id, result: { roots: [] } };
  expect((await session.post(answer)).status).toBe(202);
  expect((await response.message(1)).result.content[0].text).toBe('{"roots":[]}');
  expect((await stopped).code).toBe(0);
});

test('a call that outlasts SHUTDOWN_SECONDS is answered with an error', async () => {
  const own = await start({ SHUTDOWN_SECONDS: '1' });
  const session = await openHttpSession(own, alice);
  const response = await session.events(callTool(1, 'hang'));
  const stopped = own.stop();
  expect((await response.message(1)).error.message).toBe('The server stopped before the call ended');
  expect((await stopped).code).toBe(0);
});

async function abortedCalls(session: Awaited<ReturnType<typeof openHttpSession>>): Promise<number> {
  const [reply] = messagesIn((await session.post(callTool(99, 'inside'))).body) as [
    { result: { content: [{ text: string }] } },
  ];
  return JSON.parse(reply.result.content[0].text).callsAborted;
}
