import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { makeCertificate } from '../../support/certificate.js';
import { call, callTool, eventually, metric, openStream, post, rawRequest, send } from '../support/client.js';
import { type RunningServer, startServer, startTestServer } from '../support/server.js';

// Connections that cost a server its descriptors: silent, half open, half asked.

const folder = mkdtempSync(join(tmpdir(), 'connections-'));
const { cert, key } = makeCertificate(folder);
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const tls = { TLS_CERT_FILE: cert, TLS_KEY_FILE: key };

let server: RunningServer;
let sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  sockets = [];
  await server?.stop('SIGKILL');
});

/** Opens connections that send a few bytes, or none. */
async function open(count: number, bytes = '', address = '127.0.0.1'): Promise<Socket[]> {
  const opened = Array.from({ length: count }, () => {
    const socket = connect({ port: server.port, host: '127.0.0.1', localAddress: address });
    socket.on('error', () => {});
    return socket;
  });
  sockets.push(...opened);
  await Promise.all(
    opened.map((socket) => new Promise((resolve) => socket.once('connect', resolve).once('close', resolve))),
  );
  for (const socket of opened) if (bytes !== '') socket.write(bytes);
  return opened;
}

const descriptors = () => metric(server, 'process_open_fds');

/** A client that connects, calls a tool, and gets its reply. */
async function expectServed() {
  const stream = await openStream(server);
  await stream.post(callTool(1, 'echo', { text: 'hello' }));
  expect((await stream.message(1)).result.content[0].text).toBe('hello');
  stream.close();
}

describe.each([
  ['plain', {}],
  ['TLS', tls],
])('with 256 descriptors, %s', (_, settings) => {
  const asked = rawRequest('GET', '/health');
  test.each([
    ['say nothing', ''],
    ['begin a request', 'GET /health HT'],
    ['begin a TLS handshake', Buffer.from([22, 3, 1, 2, 0, 1, 0]).toString('latin1')],
    ['have asked once', asked],
    ['ask again and again', asked.repeat(20)],
  ])('a client gets in at once while 300 others %s', async (_, bytes) => {
    server = await startServer('none', settings, 256);
    await open(300, bytes);
    const startedAt = Date.now();
    await expectServed();
    expect(Date.now() - startedAt).toBeLessThan(15_000);
  });

  test('connections that are given up for others are logged and counted', async () => {
    server = await startServer('none', settings, 256);
    await open(300);
    await expectServed();
    expect(await server.logged({ msg: 'too many connections' })).toMatchObject({ limit: 'MAX_CONNECTIONS' });
    expect(await metric(server, 'mcp_connections_dropped_total{outcome="given_up"}')).toBeGreaterThan(100);
  });

  test('silent connections are closed when the time for headers is over', async () => {
    server = await startServer('none', { ...settings, HEADERS_TIMEOUT_SECONDS: '1' }, 256);
    const before = await descriptors();
    const silent = await open(100);
    await Promise.all(
      silent.map((socket) => new Promise((resolve) => socket.once('close', resolve).resume())),
    );
    await eventually(descriptors, (now) => now <= before + 2);
  });

  test('the descriptors of clients that leave before they said anything are free', async () => {
    server = await startServer('none', settings, 256);
    const before = await descriptors();
    for (const end of ['destroy', 'resetAndDestroy', 'end'] as const) {
      for (const socket of await open(100)) socket[end]();
    }
    await eventually(descriptors, (now) => now <= before + 2);
    expect(await metric(server, 'mcp_connections_open')).toBeLessThan(5);
  });

  test('a server says at its start that there are too few descriptors for MAX_SESSIONS', async () => {
    server = await startServer('none', settings, 256);
    const warning = await server.logged({ level: 'warn', MAX_SESSIONS: 10_000 });
    expect(warning.msg).toMatch(/ulimit -n/);
  });
});

test('streams are never given up for others, and always leave room for messages', async () => {
  server = await startServer('none', { MAX_CONNECTIONS: '20', MAX_SESSIONS_PER_CLIENT: '1000' });
  const streams = await Promise.all(Array.from({ length: 18 }, () => openStream(server)));
  await expect(openStream(server)).rejects.toThrow('503');
  await open(50);
  for (const stream of streams) {
    await stream.post(call(1, 'ping'));
    expect(await stream.message(1)).toMatchObject({ result: {} });
    stream.close();
  }
});

test('one address has its share of the connections, and others get theirs', async () => {
  server = await startServer('none', { MAX_CONNECTIONS_PER_ADDRESS: '10' });
  const streams = await Promise.all(Array.from({ length: 10 }, () => openStream(server)));
  await expect(openStream(server)).rejects.toThrow();
  const [other] = await open(1, rawRequest('GET', '/health'), '127.0.0.2');
  const answer = await new Promise((resolve) => other?.once('data', (data) => resolve(String(data))));
  expect(answer).toContain('200 OK');
  expect(await server.logged({ msg: 'too many connections' })).toMatchObject({
    limit: 'MAX_CONNECTIONS_PER_ADDRESS',
    outcome: 'refused',
    address: '127.0.0.1',
  });
  for (const stream of streams) stream.close();
});

test('MAX_CONNECTIONS above what the system has room for changes nothing', async () => {
  server = await startServer('none', { MAX_CONNECTIONS: '100000' }, 256);
  await open(300);
  await expectServed();
});

test('clients that leave in the middle of requests do not confuse what still runs when the server stops', async () => {
  server = await startTestServer('none', { SHUTDOWN_SECONDS: '5' });
  const accept = { Accept: 'application/json, text/event-stream', 'Content-Type': 'application/json' };
  const hanging = await open(5, rawRequest('POST', '/mcp', accept, JSON.stringify(callTool(1, 'hang'))));
  await new Promise((resolve) => setTimeout(resolve, 200));
  for (const socket of hanging) socket.destroy();
  const reply = post(server, '/mcp', callTool(2, 'wait', { ms: 1000 }), accept);
  await new Promise((resolve) => setTimeout(resolve, 200));
  const startedAt = Date.now();
  const stopped = server.stop();
  expect((await reply).body).toContain('waited');
  expect(await stopped).toEqual({ code: 0, signal: null });
  expect(Date.now() - startedAt).toBeLessThan(4000);
});

test('requests that no answer will ever reach end their connection', async () => {
  server = await startServer('none');
  const [socket] = await open(1, rawRequest('GET', '/health').repeat(300));
  await new Promise((resolve) => socket?.once('close', resolve).resume());
  expect((await send(server, 'GET', '/health')).status).toBe(200);
});
