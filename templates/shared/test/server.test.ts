import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { after, before, type TestContext, test } from 'node:test';
import { Client, SSEClientTransport } from '@modelcontextprotocol/client';
import { badHeaders, goodHeaders, settings } from './credentials.ts';

// Starts the built server on a free port and proves it with a real MCP client. Keep these tests when you change
// the server: they notice when a client can no longer connect, or when one without a credential can.

const withCredential = {
  skip: goodHeaders === undefined && 'test/credentials.ts has no good credential yet',
};
const whenProtected = { skip: badHeaders === undefined && 'this server needs no credential' };

/** What .env may say that would disturb the proof. An empty variable goes before it, and means the default. */
const disturbing = [
  ...['BASE_PATH', 'ALLOWED_HOSTS', 'TRUST_PROXY', 'TLS_CERT_FILE', 'TLS_KEY_FILE', 'NODE_ID'],
  ...['STREAMABLE_HTTP_ENDPOINT', 'MAX_SESSIONS', 'MAX_SESSIONS_PER_CLIENT', 'RATE_LIMIT'],
  'AUTH_FAILURES_PER_MINUTE',
];

let server: ChildProcess;
let url: URL;

before(async () => {
  server = spawn(process.execPath, ['dist/main.js'], {
    env: {
      ...process.env,
      ...Object.fromEntries(disturbing.map((name) => [name, ''])),
      ...settings,
      HOST: '127.0.0.1',
      PORT: '0',
      SSE_ENDPOINT: '/sse',
      MESSAGE_ENDPOINT: '/messages',
      PROTECT: 'sse,messages',
      MAX_MESSAGE_SIZE: '1mb',
      LOG_LEVEL: 'info',
      LOG_FORMAT: 'json',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  url = await listening(server);
});

after(async () => {
  server.kill();
  await once(server, 'exit');
});

test('a client connects and finds the tools', withCredential, async (t) => {
  const { client } = await connect(t);
  const { tools } = await client.listTools();
  assert.ok(tools.length > 0);
});

// The next two call examples, `echo` and `countdown`. When you delete those, let these tests call tools of yours.

test('a tool call is answered', withCredential, async (t) => {
  const { client } = await connect(t);
  await requireExample(client, 'echo');
  const result = await client.callTool({ name: 'echo', arguments: { text: 'Grüße, 世界 🌍\u2028' } });
  assert.deepEqual(result.content, [{ type: 'text', text: 'Grüße, 世界 🌍\u2028' }]);
});

test('progress notifications arrive while a tool runs', withCredential, async (t) => {
  const { client } = await connect(t);
  await requireExample(client, 'countdown');
  const seen: number[] = [];
  const onprogress = ({ progress }: { progress: number }) => seen.push(progress);
  await client.callTool({ name: 'countdown', arguments: { seconds: 1 } }, { onprogress });
  assert.deepEqual(seen, [0]);
});

test('the stream is refused without a credential, and with a wrong one', whenProtected, async () => {
  for (const headers of [{}, badHeaders]) {
    const response = await fetch(url, { headers: headers ?? {} });
    assert.equal(response.status, 401);
    assert.ok(response.headers.has('WWW-Authenticate'));
    assert.doesNotMatch(await response.text(), /event:/);
  }
});

test('messages are refused without a credential, and with a wrong one', whenProtected, async (t) => {
  const messages = goodHeaders ? (await connect(t)).messages : new URL('/messages?sessionId=unknown', url);
  for (const headers of [{}, badHeaders]) {
    const response = await post(messages, '{"jsonrpc":"2.0","id":1,"method":"ping"}', headers);
    assert.equal(response.status, 401);
  }
});

test('a message over the size limit is refused with 413', withCredential, async (t) => {
  const { messages } = await connect(t);
  const text = 'x'.repeat(1024 * 1024);
  const response = await post(
    messages,
    JSON.stringify({ jsonrpc: '2.0', method: 'x', params: { text } }),
    goodHeaders,
  );
  assert.equal(response.status, 413);
});

/** Connects a client with the good credential, and finds out where it POSTs its messages. */
async function connect(t: TestContext) {
  const client = new Client({ name: 'proof', version: '0.1.0' });
  let messages: URL | undefined;
  const transport = new SSEClientTransport(url, {
    requestInit: { headers: goodHeaders ?? {} },
    fetch: (input, init) => {
      if (init?.method === 'POST') messages = new URL(input);
      return fetch(input, init);
    },
  });
  await client.connect(transport);
  t.after(() => client.close());
  assert.ok(messages);
  return { client, messages };
}

/** Says what to do about a test whose example is gone. */
async function requireExample(client: Client, example: string) {
  const { tools } = await client.listTools();
  const isThere = tools.some(({ name }) => name === example);
  assert.ok(
    isThere,
    `there is no tool ${example} any more: let this test call one of yours, or delete the test`,
  );
}

function post(to: URL, body: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(to, { method: 'POST', headers: { 'Content-Type': 'application/json', ...headers }, body });
}

/** Where the server listens, from its log. */
async function listening({ stdout }: ChildProcess): Promise<URL> {
  assert.ok(stdout);
  for await (const line of createInterface({ input: stdout })) {
    const { msg, url } = JSON.parse(line);
    if (msg !== 'listening') continue;
    stdout.resume(); // What else it logs is of no interest.
    return new URL(url);
  }
  throw new Error('the server ended before it listened');
}
