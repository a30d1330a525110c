import { afterEach, expect, test } from 'vitest';
import {
  call,
  callTool,
  eventually,
  metric,
  openStream,
  rawConnection,
  rawRequest,
  send,
} from '../support/client.js';
import {
  type HttpSession,
  initialize,
  messagesIn,
  openHttpSession,
  postMcp,
} from '../support/http-session.js';
import { secret } from '../support/projects.js';
import { goodHeaders, type RunningServer, startTestServer } from '../support/server.js';

// The limits of calls, bytes, sessions and readers hold in the sessions of Streamable HTTP too.

const headers = goodHeaders.apikey;
const other = { 'X-API-Key': 'another-key-of-the-tests-0123' };
const keys = { API_KEY: `default:${secret},other:another-key-of-the-tests-0123`, LOG_FORMAT: 'json' };
const json = { Accept: 'application/json, text/event-stream', 'Content-Type': 'application/json' };

let server: RunningServer;
let connections: { socket: { destroy(): void } }[] = [];
afterEach(async () => {
  for (const { socket } of connections) socket.destroy();
  connections = [];
  await server?.stop('SIGKILL');
});

/** POSTs a message of a session over a connection of its own, whose response is not read. */
async function begin({ headers: own }: HttpSession, message: unknown) {
  const connection = await rawConnection(server);
  connections.push(connection);
  connection.write(rawRequest('POST', '/mcp', { ...json, ...own }, JSON.stringify(message)));
  return connection;
}

async function expectOtherServed() {
  const session = await openHttpSession(server, other);
  const [reply] = messagesIn((await session.post(callTool(1, 'echo', { text: 'hello' }))).body);
  expect(reply).toMatchObject({ result: { content: [{ text: 'hello' }] } });
  await session.end();
}

test('the 101st call at once is refused with 429, and the end of the session gives room again', async () => {
  server = await startTestServer('apikey', keys);
  const session = await openHttpSession(server, headers);
  for (let id = 0; id < 100; id++) await begin(session, callTool(id, 'hang'));
  const ping = call('next', 'ping');
  const refused = await eventually(
    () => session.post(ping),
    ({ status }) => status === 429,
  );
  expect(refused.headers['retry-after']).toBe('1');
  await expectOtherServed();
  await session.end();
  expect((await postMcp(server, ping, headers)).status).toBe(200);
});

test('calls whose client left count until RESUME_SECONDS are over, and no longer', async () => {
  server = await startTestServer('apikey', { ...keys, RESUME_SECONDS: '1', MAX_CALLS_PER_CLIENT: '5' });
  const session = await openHttpSession(server, headers);
  for (let id = 0; id < 5; id++) await begin(session, callTool(id, 'hang'));
  await eventually(
    () => session.post(call('next', 'ping')),
    ({ status }) => status === 429,
  );
  for (const { socket } of connections) socket.destroy();
  await eventually(
    () => session.post(call('next', 'ping')),
    ({ status }) => status === 200,
  );
  expect(await inside(session)).toMatchObject({ callsAborted: 5 });
});

test('sessions that are opened and left are bounded, and take no room from others', async () => {
  server = await startTestServer('apikey', { ...keys, MAX_SESSIONS_PER_CLIENT: '50' });
  for (let i = 0; i < 500; i++) expect((await postMcp(server, initialize(), headers)).status).toBe(200);
  expect(JSON.parse((await send(server, 'GET', '/health')).body).sessions).toBe(50);
  await expectOtherServed();
  const stream = await openStream(server, { headers }); // The oldest one that is idle makes room.
  const session = await openHttpSession(server, other);
  expect(await inside(session)).toMatchObject({ mcpServersMade: 504, mcpServersClosed: 453 });
  stream.close();
});

test('a reader that takes nothing of a response is cut and logged, its call ends, and its session goes on', async () => {
  server = await startTestServer('apikey', { ...keys, RESUME_SECONDS: '30', STALL_TIMEOUT_SECONDS: '1' });
  const session = await openHttpSession(server, headers);
  const hanging = await begin(session, callTool(1, 'flood', { messages: 400, bytes: 64 * 1024 }));
  hanging.socket.pause();
  expect((await server.logged({ msg: 'reply cut off', calls: 1 })).reason).toMatch(/^reader_/);
  await expectOtherServed();
  expect((await session.post(call(2, 'ping'))).status).toBe(200);
});

test('a client that leaves while its scopes are looked at leaves nothing behind', async () => {
  server = await startTestServer('apikey', { ...keys, RESUME_SECONDS: '30', SESSION_IDLE_SECONDS: '1' });
  const session = await openHttpSession(server, headers);
  const { socket } = await begin(session, callTool(1, 'slowScopes'));
  await eventually(
    () => metric(server, 'mcp_messages_received_total', headers),
    (received) => received === 3,
  );
  socket.destroy();
  await server.logged({ msg: 'session closed', reason: 'idle' });
});

test('two requests of one id at once run once', async () => {
  server = await startTestServer('apikey', keys);
  const session = await openHttpSession(server, headers);
  const answers = await Promise.all([1, 2].map(() => session.post(callTool(1, 'slowScopes'))));
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 400]);
});

test('a tool waits for a reader that pauses, and the reader gets everything', async () => {
  server = await startTestServer('apikey', { ...keys, RESUME_SECONDS: '30' });
  const session = await openHttpSession(server, headers);
  const messages = 1000; // Of 64 KB each, four times as much as may wait for one reader.
  const connection = await begin(session, callTool(1, 'report', { messages, bytes: 64 * 1024 }));
  connection.socket.pause();
  const delivered = () => metric(server, 'mcp_messages_delivered_total', headers);
  const seen: number[] = [];
  await eventually(delivered, (now) => seen.push(now) > 5 && seen.at(-5) === now);
  expect(seen.at(-1)).toBeLessThan(messages / 2);
  connection.socket.resume();
  await connection.until(/"id":1\}\nid: \S+\n\n/);
});

async function inside(session: HttpSession) {
  const [reply] = messagesIn((await session.post(callTool('inside', 'inside'))).body) as [
    { result: { content: [{ text: string }] } },
  ];
  return JSON.parse(reply.result.content[0].text);
}
