import { afterAll, beforeAll, expect, test } from 'vitest';
import { callTool, openStream, send } from '../support/client.js';
import { type RunningServer, startServer } from '../support/server.js';
import { endpoints, expectAdmitted, knock } from './credentials.js';

let server: RunningServer;
beforeAll(async () => {
  server = await startServer('none');
});
afterAll(() => server.stop());

test('any program on this machine is let in, with any credential or none', async () => {
  await expectAdmitted(server, {});
  await expectAdmitted(server, { Authorization: 'Bearer anything', 'X-API-Key': 'anything' });
});

test('tools see an anonymous caller', async () => {
  const stream = await openStream(server);
  await stream.post(callTool(1, 'whoami'));
  expect((await stream.message(1)).result.content[0].text).toBe('anonymous');
  stream.close();
});

test.each([
  'evil.example.com',
  `evil.example.com:80`,
  'localhost.evil.example.com',
  '127.0.0.1.evil.example.com',
  '192.0.2.1',
])('a request for another host is refused: %s', async (Host) => {
  for (const endpoint of endpoints) expect((await knock(server, endpoint, { Host })).status).toBe(403);
});

test.each([
  'https://evil.example.com',
  'null',
  'http://localhost.evil.example.com',
  'http://127.0.0.1.evil.example.com',
])('a request from a page of another origin is refused: %s', async (Origin) => {
  for (const endpoint of endpoints) expect((await knock(server, endpoint, { Origin })).status).toBe(403);
});

test.each(['http://localhost:6274', 'http://127.0.0.1:3000', 'http://[::1]:3000', 'https://localhost'])(
  'a page of this machine is let in: %s',
  async (Origin) => {
    await expectAdmitted(server, { Origin });
  },
);

test('pages of other origins are refused even if the server may listen beyond this machine', async () => {
  const open = await startServer('none', { HOST: '0.0.0.0', ALLOW_UNAUTHENTICATED: 'true' });
  const Origin = 'https://evil.example.com';
  for (const endpoint of endpoints) expect((await knock(open, endpoint, { Origin })).status).toBe(403);
  await open.stop();
});

test('a server without credentials publishes no OAuth metadata', async () => {
  expect((await send(server, 'GET', '/.well-known/oauth-protected-resource/sse')).status).toBe(404);
});
