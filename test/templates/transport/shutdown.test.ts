import { once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
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
import { openHttpSession, postMcp } from '../support/http-session.js';
import { type RunningServer, startTestServer } from '../support/server.js';

let server: RunningServer;
afterEach(() => server.stop('SIGKILL'));

const settings = { SHUTDOWN_SECONDS: '2', MAX_SESSIONS_PER_CLIENT: '2000' };

/** Sends a signal; resolves with how the server ended, and after how long. */
async function stop(signal: NodeJS.Signals = 'SIGTERM') {
  const ended = once(server.process, 'exit');
  const started = performance.now();
  server.process.kill(signal);
  const [code] = await ended;
  return { code, ms: performance.now() - started };
}

const stopping = () => server.logged({ msg: 'stopping' });

test('with 1,000 streams and running calls, replies arrive and the server exits with 0 in time', async () => {
  server = await startTestServer('none', { ...settings, MAX_CONNECTIONS_PER_ADDRESS: '2000' });
  const streams = await Promise.all(Array.from({ length: 1000 }, () => openStream(server)));
  const [quick, slow, ...idle] = streams as [(typeof streams)[0], ...typeof streams];
  await quick.post(callTool(1, 'wait', { ms: 500 }));
  await slow?.post(callTool(1, 'hangForever'));

  const ended = stop();
  expect((await quick.message(1)).result.content[0].text).toBe('waited');
  expect((await slow?.message(1))?.error.message).toBe('The server stopped before the call ended');
  const { code, ms } = await ended;
  expect(code).toBe(0);
  expect(ms).toBeLessThan(3000);
  await Promise.all(idle.map((stream) => stream.closed));
});

test('without running calls the server exits at once', async () => {
  server = await startTestServer('none', settings);
  const stream = await openStream(server);
  const { code, ms } = await stop('SIGINT');
  expect(code).toBe(0);
  expect(ms).toBeLessThan(1000);
  await stream.closed;
});

test('while calls finish, every stream stays and a session with a running call takes messages', async () => {
  server = await startTestServer('none', settings);
  const [busy, idle] = await Promise.all([openStream(server), openStream(server)]);
  await busy.post(callTool(1, 'wait', { ms: 1000 }));
  const keptOpen = await rawConnection(server);
  keptOpen.write(rawRequest('GET', '/health'));
  await keptOpen.until(/"status":"ok"/);

  const ended = stop();
  await stopping();
  const answer = await send(server, 'GET', '/nothing');
  expect(answer.status).toBe(503);
  expect(answer.headers.connection).toBe('close');
  expect((await idle.post(call(2, 'ping'))).status).toBe(503);
  expect((await busy.post(call(2, 'ping'))).status).toBe(202);
  expect(await busy.message(2)).toMatchObject({ result: {} });
  // Clients give up for good when a stream is refused, and come back when a connection ends.
  await expect(send(server, 'GET', '/sse')).rejects.toThrow('socket hang up');
  expect(idle.isOver).toBe(false);
  keptOpen.write(rawRequest('GET', '/health'));
  expect(await keptOpen.end()).toMatch(/HTTP\/1\.1 503 /);
  expect((await busy.message(1)).result.content[0].text).toBe('waited');
  expect((await ended).code).toBe(0);
  await idle.closed;
});

test('a slow reader still gets what was waiting for it', async () => {
  server = await startTestServer('none', settings);
  const stream = await openStream(server);
  stream.response.pause();
  await stream.post(callTool(1, 'big', { bytes: 30 * 1024 ** 2 }));
  await stream.post(callTool(2, 'echo', { text: 'the last' }));
  await openStream(server); // By now both calls have returned.
  const ended = stop();
  await server.logged({ msg: 'session closed', reason: 'shutdown', sent: 0 }); // None is taken yet.
  stream.response.resume();
  expect((await stream.message(1)).result.content[0].text).toHaveLength(30 * 1024 ** 2);
  expect((await stream.message(2)).result.content[0].text).toBe('the last');
  expect((await ended).code).toBe(0);
});

test('pipelined requests are refused when their turn comes', async () => {
  server = await startTestServer('none', settings);
  const connection = await rawConnection(server);
  const headers = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' };
  const waits = [300, 0].map((ms, id) => JSON.stringify(callTool(id, 'wait', { ms })));
  connection.write(waits.map((body) => rawRequest('POST', '/mcp', headers, body)).join(''));
  await openStream(server); // By now the server has seen the bytes.
  expect((await stop()).code).toBe(0);
  const answers = await connection.end();
  expect(answers.match(/waited/g)).toHaveLength(1);
  expect(answers).toMatch(/waited[\s\S]*HTTP\/1\.1 503 /);
});

test('a second signal ends the server at once, and each running call with an error', async () => {
  server = await startTestServer('none', { ...settings, SHUTDOWN_SECONDS: '60' });
  const stream = await openStream(server);
  const session = await openHttpSession(server, {});
  const received = () => metric(server, 'mcp_messages_received_total');
  const before = await received();
  await stream.post(callTool(1, 'hangForever'));
  const replies = [session.post(callTool(2, 'hangForever')), postMcp(server, callTool(3, 'hangForever'))];
  await eventually(received, (count) => count === before + 3);
  const ended = stop();
  await stopping();
  server.process.kill('SIGINT');
  const { code, ms } = await ended;
  expect(code).toBe(1);
  expect(ms).toBeLessThan(1000);
  const stopped = 'The server stopped before the call ended';
  expect((await stream.message(1)).error.message).toBe(stopped);
  for (const reply of await Promise.all(replies)) expect(reply.body).toContain(stopped);
});

describe('no client can keep the server from exiting', () => {
  test.each([
    ['a connection without a request', ''],
    ['half a request', 'POST /messages HTTP/1.1\r\nHost: localhost\r\nContent-'],
    ['half a body', rawRequest('POST', '/messages?sessionId=x', { 'Content-Length': '1000' })],
  ])('%s', async (_, bytes) => {
    server = await startTestServer('none', { ...settings, SHUTDOWN_SECONDS: '1' });
    const connection = await rawConnection(server);
    connection.write(bytes);
    await openStream(server); // By now the server has seen the bytes.
    const { code, ms } = await stop();
    expect(code).toBe(0);
    expect(ms).toBeLessThan(2000);
  });

  test('pipelined requests whose client left', async () => {
    server = await startTestServer('none', settings);
    const connection = await rawConnection(server);
    const headers = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' };
    const hang = rawRequest('POST', '/mcp', headers, JSON.stringify(callTool(1, 'hang')));
    connection.write(hang + hang + rawRequest('GET', '/health'));
    await openStream(server); // By now the server has seen the bytes.
    connection.socket.destroy();
    const { code, ms } = await stop();
    expect(code).toBe(0);
    expect(ms).toBeLessThan(1000);
  });

  test('a reader that does not read the rest of its stream', async () => {
    server = await startTestServer('none', { ...settings, SHUTDOWN_SECONDS: '1' });
    const stream = await openStream(server);
    stream.response.pause();
    await stream.post(callTool(1, 'big', { bytes: 30 * 1024 ** 2 }));
    const { code, ms } = await stop();
    expect(code).toBe(0);
    expect(ms).toBeLessThan(2000);
  });
});
