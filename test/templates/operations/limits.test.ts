import { expect, onTestFinished, test } from 'vitest';
import { call, openStream, send } from '../support/client.js';
import { type Auth, secret } from '../support/projects.js';
import { goodHeaders, startServer } from '../support/server.js';

// What one client, one address and all together may take of a server, and when they are told to come back.

const headers = goodHeaders.apikey;

async function start(settings: Record<string, string>, auth: Auth = 'apikey') {
  const server = await startServer(auth, settings);
  onTestFinished(() => void server.stop());
  return server;
}

/** What every refusal for too much must say. */
const retryLater = (status: number, code: string) => ({
  status,
  headers: expect.objectContaining({ 'retry-after': expect.stringMatching(/^[1-9]\d*$/) }),
  body: expect.stringContaining(`"${code}"`),
});

test('RATE_LIMIT: after a burst of twice the rate only that caller has to wait', async () => {
  const server = await start({ RATE_LIMIT: '2', API_KEY: `alice:${secret},bob:${secret}x` });
  const alice = await openStream(server, { headers });
  const bob = await openStream(server, { headers: { 'X-API-Key': `${secret}x` } });
  const statuses = [];
  for (let id = 0; id < 4; id++) statuses.push((await alice.post(call(id, 'ping'))).status);

  expect(statuses).toEqual([202, 202, 202, 202]);
  expect(await alice.post(call(5, 'ping'))).toMatchObject(retryLater(429, 'too_many_requests'));
  expect((await bob.post(call(1, 'ping'))).status).toBe(202);
});

test('RATE_LIMIT=0 turns the limit off', async () => {
  const server = await start({ RATE_LIMIT: '0' });
  const stream = await openStream(server, { headers });
  const answers = await Promise.all(Array.from({ length: 300 }, (_, id) => stream.post(call(id, 'ping'))));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
});

test('RATE_LIMIT: without credentials, requests are counted by address', async () => {
  const server = await start({ RATE_LIMIT: '1' }, 'none');
  const one = await openStream(server);
  const two = await openStream(server);
  await one.post(call(1, 'ping'));
  await two.post(call(1, 'ping'));
  expect(await two.post(call(2, 'ping'))).toMatchObject(retryLater(429, 'too_many_requests'));
});

test('AUTH_FAILURES_PER_MINUTE: an address that guesses keys has to wait, even with a good key', async () => {
  const server = await start({ AUTH_FAILURES_PER_MINUTE: '2' });
  const status = async (key: string) =>
    (await send(server, 'GET', '/metrics', { headers: { 'X-API-Key': key } })).status;

  expect([await status('guess-1'), await status('guess-2')]).toEqual([401, 401]);
  expect(await send(server, 'GET', '/metrics', { headers })).toMatchObject(
    retryLater(429, 'too_many_requests'),
  );
});

test('TRUST_PROXY: behind a proxy, guesses count against the client and not the proxy', async () => {
  const server = await start({ AUTH_FAILURES_PER_MINUTE: '1', TRUST_PROXY: '1' });
  const status = async (key: string, address: string) =>
    (await send(server, 'GET', '/metrics', { headers: { 'X-API-Key': key, 'X-Forwarded-For': address } }))
      .status;

  expect(await status('guess', 'made-up, 203.0.113.7')).toBe(401);
  expect(await status(secret, 'made-up-too, 203.0.113.7')).toBe(429);
  expect(await status(secret, '203.0.113.8')).toBe(200);
});

test('without TRUST_PROXY no client can choose the address that it is counted under', async () => {
  const server = await start({ AUTH_FAILURES_PER_MINUTE: '1' });
  const status = async (key: string, address: string) =>
    (await send(server, 'GET', '/metrics', { headers: { 'X-API-Key': key, 'X-Forwarded-For': address } }))
      .status;

  expect(await status('guess', '203.0.113.7')).toBe(401);
  expect(await status(secret, '203.0.113.8')).toBe(429);
});

test('MAX_SESSIONS_PER_CLIENT limits the sessions of one caller and no other', async () => {
  const server = await start({ MAX_SESSIONS_PER_CLIENT: '1', API_KEY: `alice:${secret},bob:${secret}x` });
  const alice = await openStream(server, { headers });
  expect(await send(server, 'GET', '/sse', { headers })).toMatchObject(retryLater(429, 'too_many_sessions'));
  await openStream(server, { headers: { 'X-API-Key': `${secret}x` } });

  alice.close();
  await server.logged({ msg: 'session closed', client: 'alice' });
  await openStream(server, { headers });
});

test('MAX_SESSIONS_PER_CLIENT: without credentials, it limits the sessions of one address', async () => {
  const server = await start({ MAX_SESSIONS_PER_CLIENT: '1' }, 'none');
  await openStream(server);
  for (const headers of [{}, { 'X-Forwarded-For': '203.0.113.7' }]) {
    expect(await send(server, 'GET', '/sse', { headers })).toMatchObject(
      retryLater(429, 'too_many_sessions'),
    );
  }
});

test("MAX_SESSIONS_PER_CLIENT: behind a proxy, it counts by the client's address", async () => {
  const server = await start({ MAX_SESSIONS_PER_CLIENT: '1', TRUST_PROXY: '1' }, 'none');
  const from = (address: string) => ({ headers: { 'X-Forwarded-For': address } });
  await openStream(server, from('203.0.113.7'));
  expect(await send(server, 'GET', '/sse', from('made-up, 203.0.113.7'))).toMatchObject(
    retryLater(429, 'too_many_sessions'),
  );
  await openStream(server, from('203.0.113.8'));
});

test('MAX_SESSIONS: a full server answers server_full', async () => {
  const server = await start({ MAX_SESSIONS: '1' });
  const stream = await openStream(server, { headers });
  expect(await send(server, 'GET', '/sse', { headers })).toMatchObject(retryLater(503, 'server_full'));

  stream.close();
  await server.logged({ msg: 'session closed' });
  await openStream(server, { headers });
});
