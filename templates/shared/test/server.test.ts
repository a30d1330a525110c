import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Client } from '@modelcontextprotocol/client';
import { badHeaders, goodHeaders } from './credentials.ts';
import { connect, startServer, type TestServer, whenProtected, withCredential } from './harness.ts';

// Proves the built server with a real MCP client. Keep these tests when you change the server: they notice when a client
// can no longer connect, or when one without a credential can.

let server: TestServer;
before(async () => {
  server = await startServer();
});
after(() => server.stop());

test('a client connects and finds the tools', withCredential, async (t) => {
  const { client } = await connect(t, server);
  const { tools } = await client.listTools();
  assert.ok(tools.length > 0);
});

// This one calls an example. When you delete that, let it call a tool of yours.

test('a tool call is answered', withCredential, async (t) => {
  const { client } = await connect(t, server);
  await requireExample(client, 'echo');
  const result = await client.callTool({ name: 'echo', arguments: { text: 'Grüße, 世界 🌍\u2028' } });
  assert.deepEqual(result.content, [{ type: 'text', text: 'Grüße, 世界 🌍\u2028' }]);
});

test('the stream is refused without a credential, and with a wrong one', whenProtected, async () => {
  for (const headers of [{}, badHeaders]) {
    const response = await fetch(server.url, { headers: headers ?? {} });
    assert.equal(response.status, 401);
    assert.ok(response.headers.has('WWW-Authenticate'));
    assert.doesNotMatch(await response.text(), /event:/);
  }
});

test('messages are refused without a credential, and with a wrong one', whenProtected, async (t) => {
  const messages = goodHeaders
    ? (await connect(t, server)).messages
    : new URL('/messages?sessionId=unknown', server.url);
  for (const headers of [{}, badHeaders]) {
    const response = await post(messages, '{"jsonrpc":"2.0","id":1,"method":"ping"}', headers);
    assert.equal(response.status, 401);
  }
});

test('a message over the size limit is refused with 413', withCredential, async (t) => {
  const { messages } = await connect(t, server);
  const text = 'x'.repeat(1024 * 1024);
  const response = await post(
    messages,
    JSON.stringify({ jsonrpc: '2.0', method: 'x', params: { text } }),
    goodHeaders,
  );
  assert.equal(response.status, 413);
});

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
