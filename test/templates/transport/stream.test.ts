import { afterAll, beforeAll, expect, test } from 'vitest';
import { callTool, openStream, send } from '../support/client.js';
import { goodHeaders, type RunningServer, startServer } from '../support/server.js';

let server: RunningServer;
const headers = goodHeaders.apikey;
beforeAll(async () => {
  server = await startServer('apikey');
});
afterAll(() => server.stop());

test('the first event is `endpoint`, and a tool call sent there is answered on the stream', async () => {
  const stream = await openStream(server, { headers });
  expect(stream.endpoint).toMatch(/^\/messages\?sessionId=[\w-]{36}$/);

  const answer = await stream.post(callTool(1, 'echo', { text: 'hello' }));
  expect(answer).toMatchObject({ status: 202, body: 'Accepted' });
  expect(await stream.message(1)).toEqual({
    jsonrpc: '2.0',
    id: 1,
    result: { content: [{ type: 'text', text: 'hello' }] },
  });
  stream.close();
});

test('health needs no credential', async () => {
  const answer = await send(server, 'GET', '/health');
  expect(answer.status).toBe(200);
  expect(JSON.parse(answer.body)).toMatchObject({ status: 'ok' });
});
