import { afterEach, describe, expect, test } from 'vitest';
import {
  callTool,
  metric,
  openStream,
  post,
  rawConnection,
  rawRequest,
  rawStream,
} from '../support/client.js';
import { type RunningServer, startTestServer } from '../support/server.js';

// Readers that go on reading get everything, however much waits for them. Those that do not read are cut.

const MB = 1024 ** 2;
const accept = { Accept: 'application/json, text/event-stream', 'Content-Type': 'application/json' };
let server: RunningServer;
afterEach(() => server?.stop('SIGKILL'));

/** Reads a connection at so many bytes a second, in small steps. */
async function readAt(
  connection: Awaited<ReturnType<typeof rawConnection>>,
  bytesPerSecond: number,
  total: number,
) {
  const { socket } = connection;
  const startedAt = performance.now();
  const allowed = () => ((performance.now() - startedAt) / 1000) * bytesPerSecond;
  const timer = setInterval(() => {
    if (connection.bytes() < allowed()) socket.resume();
    else socket.pause();
  }, 5);
  socket.on('data', () => {
    if (connection.bytes() >= allowed()) socket.pause();
  });
  while (connection.bytes() < total && !socket.destroyed)
    await new Promise((resolve) => setTimeout(resolve, 50));
  clearInterval(timer);
  return connection.bytes();
}

describe('a steady reader gets', () => {
  test.each([
    ['4 × 3 MB at 10 MB/s', 4, 3 * MB, 10 * MB],
    ['16 × 1 MB at 10 Mbit/s', 16, MB, 1.25 * MB],
    ['4 × 3 MB at 4 MB/s', 4, 3 * MB, 4 * MB],
  ])(
    '%s',
    async (_, count, bytes, pace) => {
      server = await startTestServer('none');
      const connection = await rawStream(server);
      for (let i = 0; i < count; i++) await post(server, connection.endpoint, callTool(i, 'big', { bytes }));
      expect(await readAt(connection, pace, count * bytes)).toBeGreaterThanOrEqual(count * bytes);
      expect(server.output()).not.toMatch(/reader_/);
      connection.socket.destroy();
    },
    60_000,
  );

  test('a batch of 3 × 3 MB on /mcp at 4 MB/s', async () => {
    server = await startTestServer('none');
    const connection = await rawConnection(server);
    const batch = [0, 1, 2].map((id) => callTool(id, 'big', { bytes: 3 * MB }));
    connection.write(rawRequest('POST', '/mcp', accept, JSON.stringify(batch)));
    expect(await readAt(connection, 4 * MB, 9 * MB)).toBeGreaterThanOrEqual(9 * MB);
    expect(server.output()).not.toMatch(/reader_/);
    connection.socket.destroy();
  }, 60_000);
});

describe('a reader that takes nothing', () => {
  const flood = { messages: 400, bytes: 64 * 1024 };

  test('is cut and logged, over SSE', async () => {
    server = await startTestServer('none', { STALL_TIMEOUT_SECONDS: '2' });
    const connection = await rawStream(server);
    connection.socket.pause();
    await post(server, connection.endpoint, callTool(1, 'flood', flood));
    const { reason } = await server.logged({ msg: 'session closed' });
    expect(reason).toMatch(/^reader_/);
    expect(await metric(server, `mcp_sessions_closed_total{reason="${reason}"}`)).toBe(1);
  });

  test('is cut and logged, over Streamable HTTP', async () => {
    server = await startTestServer('none', { STALL_TIMEOUT_SECONDS: '2' });
    const connection = await rawConnection(server);
    connection.socket.pause();
    connection.write(rawRequest('POST', '/mcp', accept, JSON.stringify(callTool(1, 'flood', flood))));
    expect((await server.logged({ msg: 'reply cut off' })).reason).toMatch(/^reader_/);
  });
});

test.each(['/sse', '/mcp'])(
  'what waits for many readers that stop reading is bounded in all (%s)',
  async (path) => {
    server = await startTestServer('none', {
      STALL_TIMEOUT_SECONDS: '20',
      NODE_OPTIONS: '--max-old-space-size=512',
    });
    const before = await metric(server, 'process_resident_memory_bytes');
    const replies = callTool(1, 'flood', { messages: 240, bytes: 64 * 1024, inOneTurn: 240 }); // 15 MB for each of them.
    const connections = [];
    for (let i = 0; i < 60; i++) {
      if (path === '/sse') {
        const connection = await rawStream(server);
        connection.socket.pause();
        connections.push(connection);
        await post(server, connection.endpoint, replies);
      } else {
        const connection = await rawConnection(server);
        connection.socket.pause();
        connections.push(connection);
        connection.write(rawRequest('POST', '/mcp', accept, JSON.stringify(replies)));
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const after = await metric(server, 'process_resident_memory_bytes');
    expect((after - before) / MB).toBeLessThan(300); // Of 900, of which the system takes a third.
    for (const { socket } of connections) socket.destroy();
    const stream = await openStream(server);
    await stream.post(callTool(1, 'echo', { text: 'hello' }));
    expect((await stream.message(1)).result.content[0].text).toBe('hello');
  },
  60_000,
);
