import { expect, onTestFinished, test } from 'vitest';
import { callTool, openStream, send } from '../support/client.js';
import { goodHeaders, startServer } from '../support/server.js';

const headers = goodHeaders.apikey;

test('a healthy server reports its open sessions and its uptime', async () => {
  const server = await startServer('apikey');
  onTestFinished(() => void server.stop());
  await openStream(server, { headers });
  const { status, headers: answered, body } = await send(server, 'GET', '/health');
  expect({ status, type: answered['content-type'], cached: answered['cache-control'] }).toEqual({
    status: 200,
    type: 'application/json',
    cached: 'no-store',
  });
  expect(JSON.parse(body)).toEqual({ status: 'ok', sessions: 1, uptimeSeconds: expect.any(Number) });
});

test('a server that is stopping is not ready, so that load balancers send requests elsewhere', async () => {
  const server = await startServer('apikey');
  const stream = await openStream(server, { headers });
  await stream.post(callTool(1, 'countdown', { seconds: 1 }));
  const stopped = server.stop();
  await server.logged({ msg: 'stopping' });

  const { status, headers: answered } = await send(server, 'GET', '/health');
  expect({ status, connection: answered.connection }).toEqual({ status: 503, connection: 'close' });
  expect(await stopped).toEqual({ code: 0, signal: null });
});
