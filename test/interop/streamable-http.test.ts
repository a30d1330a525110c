import { request as httpRequest, type IncomingMessage } from 'node:http';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { SignJWT } from 'jose';
import { expect, onTestFinished, test } from 'vitest';
import { secret } from './support/projects.js';
import { credential, type RunningServer, startServer } from './support/server.js';

// What the server itself promises on /mcp: its guards, limits, metrics and shutdown are those of SSE.

const headers = await credential('apikey');
const accept = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' };

test('a request without a credential is refused with 401 and a challenge', async () => {
  const server = await start('whole-protocol');
  const answer = await post(server, call('tools/list'), {});
  expect(answer.status).toBe(401);
  expect(answer.headers.get('www-authenticate')).toBeTruthy();
});

test('a Host that is not allowed is refused', async () => {
  const server = await start('whole-protocol');
  const answer = await raw(server, call('tools/list'), { Host: 'evil.example.com' });
  expect(answer.statusCode).toBe(403);
});

test('a message over the limit is refused with 413', async () => {
  const server = await start('whole-protocol', { MAX_MESSAGE_SIZE: '1kb' });
  const answer = await post(server, callTool('add', { a: 'x'.repeat(2000) }));
  expect(answer.status).toBe(413);
});

test('a message of exactly the limit is accepted', async () => {
  const server = await start('apikey', { MAX_MESSAGE_SIZE: '6mb' }); // The SDK alone would refuse more than 4.
  const text = 'x'.repeat(5 * 1024 ** 2);
  const answer = await post(server, callTool('echo', { text }));
  expect(await answer.text()).toContain(text);
});

test('messages count towards the rate limit', async () => {
  const server = await start('whole-protocol', { RATE_LIMIT: '1' });
  const statuses = [];
  for (let i = 0; i < 3; i++) statuses.push((await post(server, call('ping'))).status);
  expect(statuses).toEqual([200, 200, 429]);
});

test('each message of a batch counts towards the rate limit', async () => {
  const server = await start('whole-protocol', { RATE_LIMIT: '5' });
  const batch = Array.from({ length: 11 }, (_, id) => call('ping', {}, id));
  expect((await post(server, batch)).status).toBe(429);
});

test('GET without a session gets 405, since there is no stream to open', async () => {
  const server = await start('whole-protocol');
  const answer = await fetch(new URL('/mcp', server.origin), {
    headers: { ...headers, Accept: 'text/event-stream' },
  });
  expect(answer.status).toBe(405);
});

test('a page of another origin may read the response', async () => {
  const server = await start('whole-protocol');
  const answer = await post(server, call('tools/list'), { ...headers, Origin: 'https://app.example.com' });
  expect(answer.headers.get('access-control-allow-origin')).toBe('*');
});

test('calls, messages and refusals are counted', async () => {
  const server = await start('whole-protocol');
  await (await post(server, callTool('add', { a: 1, b: 2 }))).text();
  await post(server, call('ping'), { ...headers, 'MCP-Protocol-Version': '1999-01-01' });
  const metrics = await (await fetch(new URL('/metrics', server.origin), { headers })).text();
  expect(metrics).toContain('mcp_messages_received_total 2');
  expect(metrics).toContain('mcp_messages_delivered_total 1');
  expect(metrics).toContain('mcp_tool_call_duration_seconds_count{tool="add"} 1');
  expect(metrics).toContain('mcp_requests_rejected_total{status="400"} 1');
});

test('a client that leaves ends its call', async () => {
  const server = await start('whole-protocol');
  const response = await raw(server, callTool('hang', {}, { progressToken: 1 }));
  await firstChunk(response); // The tool runs.
  response.destroy();
  await expect
    .poll(async () => (await post(server, callTool('count-cancelled'))).text())
    .toContain('"text":"1"');
});

test('a silent stream is kept alive', async () => {
  const server = await start('whole-protocol', { KEEP_ALIVE_SECONDS: '1' });
  const response = await raw(server, callTool('hang'));
  expect(await firstChunk(response)).toMatch(/^: /);
  response.destroy();
});

test('a reader that does not read is cut off', async () => {
  const server = await start('whole-protocol', { MAX_BUFFERED_BYTES: '1024', STALL_TIMEOUT_SECONDS: '1' });
  const response = await raw(server, callTool('flood', {}, { progressToken: 1 }));
  response.pause();
  await expect
    .poll(async () => (await post(server, callTool('count-cancelled'))).text(), { timeout: 10_000 })
    .toContain('"text":"1"');
});

test('a subscription ends when its token does', async () => {
  const server = await start('jwt');
  const token = await new SignJWT()
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject('alice')
    .setExpirationTime(Math.floor(Date.now() / 1000) + 2)
    .sign(new TextEncoder().encode(secret));
  const client = await connect(server, { Authorization: `Bearer ${token}` });
  const subscription = await client.listen({ toolsListChanged: true });
  expect(await subscription.closed).toBe('remote');
});

test('a client may have no more subscriptions open than sessions', async () => {
  const server = await start('whole-protocol', { MAX_SESSIONS_PER_CLIENT: '1' });
  const client = await connect(server);
  const first = await client.listen({ toolsListChanged: true });
  await expect(client.listen({ toolsListChanged: true })).rejects.toThrow(/429|subscriptions open/);
  await first.close();
  await expect
    .poll(() =>
      client.listen({ toolsListChanged: true }).then(
        () => 'open',
        () => 'refused',
      ),
    )
    .toBe('open');
});

test('at shutdown, subscriptions end at once and a running call may finish', async () => {
  const server = await start('apikey', { SHUTDOWN_SECONDS: '5' });
  const client = await connect(server);
  const subscription = await client.listen({ toolsListChanged: true });
  let started = () => {};
  const running = new Promise<void>((resolve) => {
    started = resolve;
  });
  const call = client.callTool({ name: 'countdown', arguments: { seconds: 2 } }, { onprogress: started });
  await running;

  const stoppedAt = Date.now();
  const stopped = server.stop();
  expect(await subscription.closed).toBe('graceful');
  expect(Date.now() - stoppedAt).toBeLessThan(1000);
  expect((await call).content).toEqual([{ type: 'text', text: 'Counted down 2 s' }]);
  expect(await stopped).toEqual({ code: 0, signal: null });
  expect(Date.now() - stoppedAt).toBeLessThan(4000);
});

test('a call that outlasts SHUTDOWN_SECONDS is cut off', async () => {
  const server = await start('apikey', { SHUTDOWN_SECONDS: '1' });
  const response = await raw(server, callTool('countdown', { seconds: 60 }, { progressToken: 1 }));
  await firstChunk(response);
  const ended = new Promise((resolve) => response.once('close', resolve).on('error', () => {}));
  expect(await server.stop()).toEqual({ code: 0, signal: null });
  await ended;
});

async function start(project: string, settings: Record<string, string> = {}): Promise<RunningServer> {
  const server = await startServer(project, settings);
  onTestFinished(async () => {
    await server.stop('SIGKILL');
  });
  return server;
}

async function connect(server: RunningServer, credentials = headers): Promise<Client> {
  const client = new Client(
    { name: 'interop', version: '1.0.0' },
    { versionNegotiation: { mode: { pin: '2026-07-28' } } },
  );
  const url = new URL('/mcp', server.origin);
  await client.connect(new StreamableHTTPClientTransport(url, { requestInit: { headers: credentials } }));
  onTestFinished(() => client.close());
  return client;
}

function call(method: string, params: object = {}, id = 1) {
  return { jsonrpc: '2.0', id, method, params };
}

function callTool(name: string, args: object = {}, meta?: object) {
  return call('tools/call', { name, arguments: args, _meta: meta });
}

function post(server: RunningServer, message: unknown, credentials: Record<string, string> = headers) {
  return fetch(new URL('/mcp', server.origin), {
    method: 'POST',
    headers: { ...accept, ...credentials },
    body: JSON.stringify(message),
  });
}

/** A POST over a connection of its own; resolves with the answer's headers. */
function raw(
  server: RunningServer,
  message: unknown,
  more: Record<string, string> = {},
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    httpRequest(
      {
        port: server.port,
        path: '/mcp',
        method: 'POST',
        agent: false,
        headers: { ...accept, ...headers, ...more },
      },
      resolve,
    )
      .on('error', reject)
      .end(JSON.stringify(message));
  });
}

function firstChunk(response: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    response.once('data', (chunk) => resolve(chunk.toString())).once('error', reject);
  });
}
