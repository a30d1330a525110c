import { afterEach, expect, test } from 'vitest';
import { eventually, metric, rawConnection, rawRequest, send } from '../support/client.js';
import { type RunningServer, startServer } from '../support/server.js';

// A log whose reader stalls, and lines that a client would like to write.

let server: RunningServer;
afterEach(() => server?.stop('SIGKILL'));

test('a log whose reader stalls loses lines and counts them', async () => {
  server = await startServer('none', { RATE_LIMIT: '0' });
  const before = await metric(server, 'process_resident_memory_bytes');
  server.process.stdout?.pause();
  const connection = await rawConnection(server);
  const refused = rawRequest('GET', `/${'x'.repeat(90)}`);
  connection.write(refused);
  await connection.until(/nothing at this path/);
  const size = connection.bytes();
  for (let sent = 51; sent <= 20_001; sent += 50) {
    connection.write(refused.repeat(50));
    await eventually(
      async () => connection.bytes(),
      (bytes) => bytes >= sent * size,
    );
  }
  const lost = await metric(server, 'mcp_log_lines_lost_total');
  const after = await metric(server, 'process_resident_memory_bytes');
  expect(lost).toBeGreaterThan(1000);
  expect((after - before) / 1024 ** 2).toBeLessThan(60);

  server.process.stdout?.resume();
  await new Promise((resolve) => setTimeout(resolve, 500));
  await send(server, 'GET', '/nothing');
  expect((await server.logged({ msg: 'log lines were lost' })).lines).toBe(lost);
}, 60_000);

test('nothing that a client sends gives orders to a terminal that shows the log', async () => {
  server = await startServer('none', { TRUST_PROXY: '1' });
  const evil = Buffer.from('\x9b31m\x85', 'latin1');
  for (const [name, path] of [
    ['Host', '/'],
    ['Origin', '/'],
    ['X-Request-Id', '/nothing'],
    ['X-Forwarded-For', '/nothing'],
    ['Accept', '/mcp'],
  ]) {
    const connection = await rawConnection(server);
    const host = name === 'Host' ? '' : 'Host: localhost\r\n';
    const head = Buffer.from(`GET ${path} HTTP/1.1\r\n${host}${name}: x`);
    connection.write(Buffer.concat([head, evil, Buffer.from('\r\nConnection: close\r\n\r\n')]));
    await connection.end();
  }
  await send(server, 'GET', '/nothing');
  await server.logged({ status: 404, path: '/nothing' });
  expect(server.output()).toMatch(/host x/);
  expect(server.output()).not.toMatch(/(?!\n)\p{Cc}/u);
});
