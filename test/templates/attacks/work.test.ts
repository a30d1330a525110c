import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
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
import { secret } from '../support/projects.js';
import { goodHeaders, type RunningServer, startServer, startTestServer } from '../support/server.js';

// What one client can have under way: bodies that come, calls that run, bytes that both hold.

const script = join(import.meta.dirname, '../support/attacker.js');
const MB = 1024 ** 2;
const json = { Accept: 'application/json, text/event-stream', 'Content-Type': 'application/json' };
const other = { 'X-API-Key': 'another-key-of-the-tests-0123' };
const keys = { API_KEY: `default:${secret},other:another-key-of-the-tests-0123` };

let server: RunningServer;
let connections: { socket: { destroy(): void } }[] = [];
afterEach(async () => {
  for (const { socket } of connections) socket.destroy();
  connections = [];
  await server?.stop('SIGKILL');
});

/** A connection of its own for each request that is not over. */
async function begin(bytes: string) {
  const connection = await rawConnection(server);
  connections.push(connection);
  connection.write(bytes);
  return connection;
}

const unfinished = (path: string, headers: Record<string, string> = {}) =>
  rawRequest('POST', path, { ...json, ...headers, 'Content-Length': String(3 * MB) });

async function expectOtherServed() {
  const startedAt = Date.now();
  const stream = await openStream(server, { headers: other });
  await stream.post(callTool(1, 'echo', { text: 'x'.repeat(100_000) }));
  expect((await stream.message(1, 10_000)).result.content[0].text).toHaveLength(100_000);
  const { status } = await post(server, '/mcp', callTool(1, 'echo', { text: 'hello' }), {
    ...json,
    ...other,
  });
  expect(status).toBe(200);
  stream.close();
  expect(Date.now() - startedAt).toBeLessThan(10_000);
}

describe.each(['/messages', '/mcp'])('on %s', (path) => {
  test('the 101st body at once is refused with 429, and another caller has its own hundred', async () => {
    server = await startTestServer('apikey', keys);
    const { endpoint } = await openStream(server, { headers: goodHeaders.apikey });
    const url = path === '/mcp' ? path : endpoint;
    for (let i = 0; i < 100; i++) await begin(unfinished(url, goodHeaders.apikey));
    const answer = await eventually(
      () => post(server, url, call(1, 'ping'), { ...json, ...goodHeaders.apikey }),
      ({ status }) => status === 429,
    );
    expect(answer.headers['retry-after']).toBe('1');
    await expectOtherServed();
  });

  test('the 101st call at once is refused with 429, whether it has an id of its own or not', async () => {
    server = await startTestServer('apikey', keys);
    const stream = await openStream(server, { headers: goodHeaders.apikey });
    for (const id of ['same', undefined]) {
      const request = (i: number) => callTool(id ?? i, 'hang');
      if (path === '/mcp') {
        for (let i = 0; i < 100; i++) {
          const body = JSON.stringify(request(i));
          await begin(rawRequest('POST', path, { ...json, ...goodHeaders.apikey }, body));
        }
      } else for (let i = 0; i < 100; i++) await stream.post(request(i));
      const url = path === '/mcp' ? path : stream.endpoint;
      const answer = await eventually(
        () => post(server, url, callTool('next', 'echo', { text: '' }), { ...json, ...goodHeaders.apikey }),
        ({ status }) => status === 429,
      );
      expect(answer.headers['retry-after']).toBe('1');
      await expectOtherServed();
      for (const { socket } of connections) socket.destroy();
      if (path === '/messages') break; // The same ids count until the session ends.
      await eventually(
        () => post(server, url, call('next', 'ping'), { ...json, ...goodHeaders.apikey }),
        ({ status }) => status === 200,
      );
    }
  });
});

test('a batch counts as many calls as it has', async () => {
  server = await startTestServer('none', { MAX_CALLS_PER_CLIENT: '10' });
  const batch = (count: number) => Array.from({ length: count }, (_, i) => call(i, 'ping'));
  expect((await post(server, '/mcp', batch(11), json)).status).toBe(429);
  expect((await post(server, '/mcp', batch(10), json)).status).toBe(200);
  expect((await post(server, '/mcp', batch(10), json)).status).toBe(200);
});

test('a body in pieces of one byte takes little more than its bytes', async () => {
  server = await startTestServer('none');
  const before = await metric(server, 'process_resident_memory_bytes');
  const stream = await openStream(server);
  const body = JSON.stringify(callTool(1, 'echo', { text: 'x'.repeat(3 * MB) }));
  const head = rawRequest('POST', stream.endpoint, { ...json, 'Transfer-Encoding': 'chunked' });
  const connection = await begin(head);
  for (let i = 0; i < body.length; i += 10_000) {
    const pieces = [...body.slice(i, i + 10_000)].map((c) => `1\r\n${c}\r\n`).join('');
    if (!connection.write(pieces)) await new Promise((resolve) => connection.socket.once('drain', resolve));
  }
  const peak = await metric(server, 'process_resident_memory_bytes');
  connection.write('0\r\n\r\n');
  await connection.until(/202 Accepted/);
  expect((await stream.message(1)).result.content[0].text).toHaveLength(3 * MB);
  expect((peak - before) / MB).toBeLessThan(100);
}, 60_000);

test('work that is over, however it ended, makes room', async () => {
  server = await startTestServer('none', { MAX_CALLS_PER_CLIENT: '3', STALL_TIMEOUT_SECONDS: '1' });
  const ways: ((url: string) => Promise<unknown>)[] = [
    (url) => post(server, url, call(1, 'ping'), json),
    (url) => post(server, url, callTool(1, 'fail'), json),
    (url) => post(server, url, callTool(1, 'odd', { kind: 'bigint' }), json),
    (url) => post(server, url, call(1, 'no/such/method'), json),
    (url) => post(server, url, { jsonrpc: '2.0', method: 'notifications/initialized' }, json),
    (url) => post(server, url, '{', json),
    (url) => post(server, url, 'x'.repeat(5 * MB), json).catch(() => {}),
    (url) => post(server, url, call(1, 'ping'), { ...json, 'Content-Type': 'text/plain' }),
    async (url) => {
      const connection = await begin(unfinished(url));
      await new Promise((resolve) => setTimeout(resolve, 20));
      connection.socket.destroy();
    },
    async (url) => {
      await post(server, url, callTool(1, 'hang'), { ...json, Accept: 'application/json' }).catch(() => {});
      await post(
        server,
        url,
        { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } },
        json,
      );
    },
  ];
  const stream = await openStream(server);
  for (const way of ways.slice(0, -1)) for (let i = 0; i < 5; i++) await way('/mcp');
  for (const way of ways) for (let i = 0; i < 5; i++) await way(stream.endpoint);
  stream.close();
  for (let i = 0; i < 5; i++) {
    const brief = await openStream(server);
    await brief.post(callTool(1, 'hang'));
    await brief.post(callTool(2, 'hang'));
    brief.close();
    await brief.closed;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const last = await openStream(server);
  for (let i = 0; i < 3; i++) expect((await last.post(callTool(i, 'hang'))).status).toBe(202);
  expect((await last.post(callTool(3, 'hang'))).status).toBe(429);
});

describe('a tool that ignores its signal counts until it is over', () => {
  const cancelled = (requestId: number) => ({
    jsonrpc: '2.0',
    method: 'notifications/cancelled',
    params: { requestId },
  });
  const initialize = call('begins', 'initialize', {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'x', version: '1' },
  });
  const become = (name: string, value: number) =>
    eventually(
      () => metric(server, name),
      (now) => now === value,
    );

  /** Sends a call to /mcp and cuts the connection once it was read. */
  async function cutOff(request: object) {
    const received = await metric(server, 'mcp_messages_received_total');
    const { socket } = await begin(rawRequest('POST', '/mcp', json, JSON.stringify(request)));
    await become('mcp_messages_received_total', received + 1);
    const open = await metric(server, 'mcp_connections_open');
    socket.destroy();
    await become('mcp_connections_open', open - 1);
  }

  /** Calls it 64 times, and waits for none. */
  const ways: Record<string, (request: (id: number) => object) => Promise<unknown>> = {
    async 'when its calls are cancelled'(request) {
      const stream = await openStream(server);
      for (let id = 0; id < 64; id++) {
        await stream.post(request(id));
        await stream.post(cancelled(id));
      }
    },
    async 'when all its calls have one id'(request) {
      for (let i = 0; i < 8; i++) {
        const stream = await openStream(server);
        for (let j = 0; j < 8; j++) await stream.post(request(1));
        stream.close();
        await become('mcp_sessions_open', 0);
      }
    },
    async 'when its sessions end'(request) {
      for (let id = 0; id < 64; id++) {
        const stream = await openStream(server);
        await stream.post(request(id));
        stream.close();
        await become('mcp_sessions_open', 0);
      }
    },
    async 'when calls of a session on /mcp are cancelled'(request) {
      const { headers } = await post(server, '/mcp', initialize, json);
      const inSession = { ...json, 'Mcp-Session-Id': String(headers['mcp-session-id']) };
      for (let id = 0; id < 64; id++) {
        const received = await metric(server, 'mcp_messages_received_total');
        const answer = post(server, '/mcp', request(id), inSession);
        if (id < 10) {
          await become('mcp_messages_received_total', received + 1);
          await post(server, '/mcp', cancelled(id), inSession);
        }
        await answer;
      }
    },
    async 'when its sessions on /mcp end'(request) {
      for (let id = 0; id < 64; id++) {
        const { headers, status } = await post(server, '/mcp', initialize, json);
        if (status === 429) continue;
        const inSession = { ...json, 'Mcp-Session-Id': String(headers['mcp-session-id']) };
        const received = await metric(server, 'mcp_messages_received_total');
        const answer = post(server, '/mcp', request(id), inSession);
        await become('mcp_messages_received_total', received + 1);
        await send(server, 'DELETE', '/mcp', { headers: inSession });
        await answer;
      }
    },
    async 'when its requests are cut off'(request) {
      for (let id = 0; id < 64; id++) await cutOff(request(id));
    },
  };

  test.each(Object.entries(ways))('%s', async (_, callAgainAndAgain) => {
    server = await startTestServer('none', { MAX_CALLS_PER_CLIENT: '10' });
    await callAgainAndAgain((id) => callTool(id, 'hangForever'));
    expect(await metric(server, 'mcp_requests_rejected_total{status="429"}')).toBe(54);
  });

  test('when its time is over', async () => {
    server = await startTestServer('none', { MAX_CALLS_PER_CLIENT: '10', TOOL_TIMEOUT_SECONDS: '1' });
    const stream = await openStream(server);
    for (let id = 0; id < 10; id++) await stream.post(callTool(id, 'hangForever'));
    for (let id = 0; id < 10; id++) expect((await stream.message(id)).result.isError).toBe(true);
    expect((await stream.post(call(10, 'ping'))).status).toBe(429);
  });

  test('and then makes room', async () => {
    server = await startTestServer('none', { MAX_CALLS_PER_CLIENT: '1' });
    const stream = await openStream(server);
    const ping = (url: string) => post(server, url, call(2, 'ping'), json);
    const cutShort = {
      async '/messages'() {
        await stream.post(callTool(1, 'wait', { ms: 500 }));
        await stream.post(cancelled(1));
      },
      '/mcp': () => cutOff(callTool(1, 'wait', { ms: 500 })),
    };
    for (const begin of Object.values(cutShort)) {
      await begin();
      expect((await ping('/mcp')).status).toBe(429);
      await eventually(
        () => ping('/mcp'),
        ({ status }) => status === 200,
      );
    }
  });
});

describe('with a heap of 512 MB', () => {
  test('the server lives, and serves others, whatever one client begins and does not end', async () => {
    server = await startTestServer('apikey', { ...keys, NODE_OPTIONS: '--max-old-space-size=512' });
    const attacker = fork(script, [String(server.port), secret], { execArgv: ['--max-old-space-size=3000'] });
    onTestFinished(() => void attacker.kill('SIGKILL'));
    const begun = once(attacker, 'message');
    let isBegun = false;
    begun.then(() => {
      isBegun = true;
    });
    while (!isBegun) await expectOtherServed();
    await expectOtherServed();
    expect(await metric(server, 'process_resident_memory_bytes', other)).toBeLessThan(700 * MB);
    const answered = once(attacker, 'message');
    attacker.send('stop');
    const [statuses] = await answered;
    expect(statuses[429]).toBeGreaterThan(100);
    await expectOtherServed();
  }, 90_000);
});

describe('the rate limit', () => {
  test.each([
    ['messages', 'POST', '/mcp'],
    ['pages', 'GET', '/health'],
    ['metrics', 'GET', '/metrics'],
  ])('lets 200 %s through at once, and 100 a second after that', async (_, method, path) => {
    server = await startServer('none');
    const body = method === 'POST' ? JSON.stringify(call(1, 'ping')) : undefined;
    const startedAt = performance.now();
    const statuses: number[] = [];
    for (let i = 0; i < 8; i++) {
      const answers = Array.from({ length: 50 }, () =>
        send(server, method, path, { headers: json, ...(body && { body }) }),
      );
      statuses.push(...(await Promise.all(answers)).map(({ status }) => status));
    }
    const seconds = (performance.now() - startedAt) / 1000;
    const passed = statuses.filter((status) => status === 200).length;
    expect(passed).toBeGreaterThanOrEqual(200);
    expect(passed).toBeLessThanOrEqual(200 + Math.ceil(100 * seconds));
    expect(statuses.filter((status) => status === 429)).toHaveLength(400 - passed);
  });

  test('holds for streams that open and close too', async () => {
    server = await startServer('none', { RATE_LIMIT: '5', MAX_SESSIONS_PER_CLIENT: '5' });
    const statuses: (number | undefined)[] = [];
    for (let i = 0; i < 20; i++) {
      const stream = await openStream(server).catch(() => undefined);
      statuses.push(stream?.response.statusCode);
      stream?.close();
    }
    expect(statuses).toContain(undefined);
    expect(statuses.slice(0, 10)).toEqual(Array(10).fill(200));
  });
});
