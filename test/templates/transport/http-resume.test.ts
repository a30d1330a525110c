import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { callTool, eventually, metric, rawConnection, rawRequest } from '../support/client.js';
import { type CuttingProxy, cuttingProxy } from '../support/cutting-proxy.js';
import { messagesIn, openHttpSession } from '../support/http-session.js';
import { sdkClients } from '../support/sdk-clients.js';
import { goodHeaders, type RunningServer, startTestServer } from '../support/server.js';

// Over Streamable HTTP too, a call goes on when its response is cut, and the client gets the reply when it comes back.

const headers = goodHeaders.apikey;

async function start(settings: Record<string, string>): Promise<RunningServer> {
  const server = await startTestServer('apikey', { LOG_FORMAT: 'json', ...settings });
  onTestFinished(async () => void (await server.stop('SIGKILL')));
  return server;
}

let server: RunningServer;
let proxy: CuttingProxy;
beforeAll(async () => {
  server = await startTestServer('apikey', { RESUME_SECONDS: '10', MAX_SESSIONS_PER_CLIENT: '1000' });
  proxy = await cuttingProxy(server, () => true);
});
afterAll(async () => {
  proxy.close();
  await server.stop();
});

test.each(sdkClients('/mcp', headers))(
  'unmodified clients of %s get the replies of calls that were cut, each its own',
  async (_, open) => {
    const all = await Promise.all(Array.from({ length: 10 }, () => open(proxy.origin)));
    const replies = all.map((client, i) =>
      client.callTool({ name: 'wait', arguments: { ms: 500 + 50 * i, text: `for client ${i}` } }),
    );
    await eventually(
      () => metric(server, 'mcp_messages_received_total', headers),
      (received) => received % 30 === 0, // Each has initialized, said so, and called.
    );
    await new Promise((resolve) => setTimeout(resolve, 100));
    proxy.cut();
    const texts = (await Promise.all(replies)).map(({ content }) => (content as { text: string }[])[0]?.text);
    expect(texts).toEqual(all.map((_, i) => `for client ${i}`));
    await Promise.all(all.map((client) => client.close()));
  },
  20_000,
);

describe('a client that comes back', () => {
  test('gets what came after the event that it names, and the response ends with the reply', async () => {
    const session = await openHttpSession(server, headers);
    const response = await session.events(callTool(7, 'wait', { ms: 300, text: 'late' }));
    const { id } = await response.next();
    response.close();
    const again = await session.listen(id);
    expect((await again.message(7)).result.content[0].text).toBe('late');
    await again.closed;
  });

  test('gets a reply that was written, and nothing that it has', async () => {
    const session = await openHttpSession(server, headers);
    const response = await session.events(callTool(1, 'log', { data: 'hello' }));
    const { id } = await response.next(({ data }) => data.includes('notifications/message'));
    await response.closed;
    const again = await session.listen(id);
    await again.closed;
    expect(messagesIn(again.text())).toMatchObject([{ id: 1 }]);
  });

  test('takes its response over from a connection that still looks alive, and that one ends', async () => {
    const session = await openHttpSession(server, headers);
    const response = await session.events(callTool(1, 'hang'));
    const { id } = await response.next();
    const again = await session.listen(id);
    await response.closed;
    await session.post({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } });
    await again.message(1);
  });

  test('opens the stream of its own again, and gets what waits there', async () => {
    const session = await openHttpSession(server, headers);
    const stream = await session.listen();
    await stream.comment();
    stream.close();
    await stream.closed;
    await session.post(callTool(1, 'grow', { later: true }));
    const again = await session.listen();
    await again.notification('notifications/tools/list_changed');
    again.close();
  });

  test('has one stream of its own: a second one takes the place of the first', async () => {
    const session = await openHttpSession(server, headers);
    const [first, second] = [await session.listen(), await session.listen()];
    await first.closed;
    await session.post(callTool(1, 'grow'));
    await second.notification('notifications/tools/list_changed');
    second.close();
  });

  test('is let go by a tool, and gets its reply', async () => {
    const session = await openHttpSession(server, headers);
    const response = await session.events(callTool(1, 'letGo'));
    await response.closed;
    const [{ id }] = response.events as [{ id: string }];
    const again = await session.listen(id);
    expect((await again.message(1)).result.content[0].text).toBe('worth the way');
  });

  test('and spoke an earlier version than 2025-11-25 was sent no event without data', async () => {
    const session = await openHttpSession(server, headers, { version: '2025-06-18' });
    const { body } = await session.post(callTool(1, 'echo', { text: 'hello' }));
    expect(body).toMatch(/^event: message\ndata: \{.*\nid: \d+-\d+\n/);
  });
});

describe('a client that does not come back', () => {
  test('has its calls cancelled after RESUME_SECONDS, and its session goes on', async () => {
    const own = await start({ RESUME_SECONDS: '1' });
    const session = await openHttpSession(own, headers);
    const response = await session.events(callTool(1, 'hang'));
    const { id } = await response.next();
    response.close();
    await own.logged({ msg: 'reply cut off', reason: 'client_gone', calls: 1 });
    expect((await session.get({ 'Last-Event-ID': id })).status).toBe(400);
    expect(await inside(session)).toMatchObject({ callsAborted: 1 });
  });

  test('has its calls cancelled at once with RESUME_SECONDS=0, and events have no ids', async () => {
    const own = await start({ RESUME_SECONDS: '0' });
    const session = await openHttpSession(own, headers);
    expect((await session.post(callTool(1, 'echo', { text: 'hello' }))).body).toMatch(/^event: message\n/);
    const connection = await rawConnection(own);
    const body = JSON.stringify(callTool(2, 'hang'));
    const types = { 'Content-Type': 'application/json', Accept: 'text/event-stream' };
    connection.write(rawRequest('POST', '/mcp', { ...session.headers, ...types }, body));
    await eventually(
      () => metric(own, 'mcp_messages_received_total', headers),
      (received) => received === 4,
    );
    connection.socket.destroy();
    await own.logged({ msg: 'reply cut off', reason: 'client_gone', calls: 1 });
    expect(await inside(session)).toMatchObject({ callsAborted: 1 });
  });

  test('loses what waits for it beyond MAX_BUFFERED_BYTES, and its session goes on', async () => {
    const own = await start({ RESUME_SECONDS: '30', MAX_BUFFERED_BYTES: '100000' });
    const session = await openHttpSession(own, headers);
    const response = await session.events(callTool(1, 'wait', { ms: 200, text: 'x'.repeat(120_000) }));
    await response.next();
    response.close();
    await own.logged({ msg: 'reply cut off', reason: 'too_much_waits' });
    expect(await inside(session)).toMatchObject({ callsAborted: 0 });
  });
});

async function inside(session: Awaited<ReturnType<typeof openHttpSession>>) {
  const [reply] = messagesIn((await session.post(callTool(99, 'inside'))).body) as [
    { result: { content: [{ text: string }] } },
  ];
  return JSON.parse(reply.result.content[0].text);
}
