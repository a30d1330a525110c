import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { call, callTool, openStream, post, send } from '../support/client.js';
import { openHttpSession } from '../support/http-session.js';
import { type RunningServer, startServer, startTestServer } from '../support/server.js';
import { bearer, inSeconds, knock, sign } from './credentials.js';

// Whose session is whose, and how long it lasts.

const alice = 'alice-key-0123456789';
const bob = 'bob-key-0123456789ab';
const key = (value: string) => ({ 'X-API-Key': value });

let apikey: RunningServer;
let jwt: RunningServer;
beforeAll(async () => {
  apikey = await startServer('apikey', { API_KEY: `alice:${alice},bob:${bob}` });
  jwt = await startServer('jwt');
});
afterAll(() => Promise.all([apikey.stop(), jwt.stop()]));

test("a message to another caller's session is answered as if the session did not exist, and does not reach it", async () => {
  const stream = await openStream(apikey, { headers: key(alice) });
  const asBob = await stream.post(callTool(1, 'echo', { text: 'from bob' }), key(bob));
  const unknown = await post(
    apikey,
    '/messages?sessionId=unknown',
    callTool(1, 'echo', { text: 'x' }),
    key(bob),
  );
  expect(asBob.status).toBe(404);
  expect(asBob.body).toBe(unknown.body);
  expect(Object.keys(asBob.headers)).toEqual(Object.keys(unknown.headers));

  await stream.post(callTool(2, 'whoami'));
  const { id, result } = await stream.message();
  expect({ id, text: result.content[0].text }).toEqual({ id: 2, text: 'alice' });
  stream.close();
});

test("a stream that asks for another caller's session gets a new one", async () => {
  const victim = await openStream(apikey, { headers: key(alice) });
  const query = victim.endpoint.split('?')[1];
  const thief = await openStream(apikey, { headers: key(bob), path: `/sse?${query}` });
  expect(thief.endpoint).not.toBe(victim.endpoint);

  await victim.post(callTool(1, 'echo', { text: 'still mine' }));
  expect((await victim.message(1)).result.content[0].text).toBe('still mine');
  expect(thief.events).toEqual([]);
  victim.close();
  thief.close();
});

test('two callers who use the same request ids at once each get their own replies', async () => {
  const streams = await Promise.all([alice, bob].map((value) => openStream(apikey, { headers: key(value) })));
  const ids = [1, 2, 3, 'a'];
  await Promise.all(streams.flatMap((stream) => ids.map((id) => stream.post(callTool(id, 'whoami')))));
  for (const [index, stream] of streams.entries()) {
    for (const id of ids) {
      expect((await stream.message(id)).result.content[0].text).toBe(['alice', 'bob'][index]);
    }
    expect(stream.events).toEqual([]);
    stream.close();
  }
});

describe('a session belongs to its issuer, subject and client together', () => {
  const others: [what: string, claims: Record<string, unknown>, status: number][] = [
    ['the same three in a new token', { jti: 'new' }, 202],
    ['another subject', { sub: 'bob' }, 404],
    ['another client of the same person', { client_id: 'other-app' }, 404],
    ['the same client, named differently', { client_id: undefined, azp: 'app' }, 202],
    ['the same subject of another issuer', { iss: 'https://other.example' }, 404],
  ];
  test.each(others)('%s', async (_, claims, status) => {
    const own = { sub: 'alice', client_id: 'app', iss: 'https://issuer.example' };
    const stream = await openStream(jwt, { headers: bearer(await sign(own)) });
    const answer = await stream.post(call(1, 'ping'), bearer(await sign({ ...own, ...claims })));
    expect(answer.status).toBe(status);
    stream.close();
  });

  // OpenID Connect, Okta and Entra's version 1 have claims of their own.
  test.each(['client_id', 'azp', 'cid', 'appid'])('the client may be named by %s', async (claim) => {
    const stream = await openStream(jwt, { headers: bearer(await sign({ [claim]: 'app' })) });
    const statusOf = async (client: string) =>
      (await stream.post(call(1, 'ping'), bearer(await sign({ [claim]: client })))).status;
    expect(await statusOf('other-app')).toBe(404);
    expect(await statusOf('app')).toBe(202);
    stream.close();
  });
});

test('a stream ends when its token expires, and the session with it if it cannot wait', async () => {
  const expires = inSeconds(3);
  const stream = await openStream(jwt, { headers: bearer(await sign({ exp: expires })) });
  await stream.closed;
  const late = Date.now() - expires * 1000;
  expect(late).toBeGreaterThanOrEqual(0);
  expect(late).toBeLessThan(2000);
  await jwt.logged({ msg: 'session closed', reason: 'credential_expired' });
  expect((await stream.post(call(1, 'ping'), bearer(await sign()))).status).toBe(404);
});

test('a call that outlasts the token goes on, for the same caller with a newer one and for nobody else', async () => {
  const server = await startServer('jwt', { RESUME_SECONDS: '30' });
  const stream = await openStream(server, { headers: bearer(await sign({ exp: inSeconds(3) })) });
  await stream.post(callTool(1, 'countdown', { seconds: 4 }));
  await stream.closed;
  await server.logged({ msg: 'stream ended: its credential expired' });

  const back = { 'Last-Event-ID': `${stream.endpoint.split('=')[1]}:0` };
  const bobs = await openStream(server, { headers: { ...back, ...bearer(await sign({ sub: 'bob' })) } });
  expect(bobs.endpoint).not.toBe(stream.endpoint);
  const resumed = await openStream(server, { headers: { ...back, ...bearer(await sign()) } });
  expect(resumed.endpoint).toBe(stream.endpoint);
  expect((await resumed.message(1)).result.content[0].text).toBe('Counted down 4 s');
  await server.stop();
});

test('a newer token of the same caller extends the stream, and an older one does not shorten it', async () => {
  const short = await sign({ exp: inSeconds(3) });
  const stream = await openStream(jwt, { headers: bearer(short) });
  await stream.post(call(1, 'ping'), bearer(await sign()));
  await stream.post(call(2, 'ping'), bearer(short));

  // Another stream with the short token ends when this one would have.
  const witness = await openStream(jwt, { headers: bearer(short) });
  await witness.closed;
  await stream.post(callTool(3, 'whoami'), bearer(await sign()));
  expect((await stream.message(3)).result.content[0].text).toBe('alice');
  stream.close();
});

test('over Streamable HTTP the stream of a session ends with its token, and what was asked before is answered', async () => {
  const server = await startTestServer('jwt', { RESUME_SECONDS: '10' });
  const expires = inSeconds(2);
  const session = await openHttpSession(server, bearer(await sign({ exp: expires })));
  const [stream, response] = [
    await session.listen(),
    await session.events(callTool(1, 'wait', { ms: 4000, text: 'late' })),
  ];
  await stream.closed;
  expect(Date.now()).toBeGreaterThanOrEqual(expires * 1000);
  expect((await session.get()).status).toBe(401);
  expect((await session.post(call(2, 'ping'))).status).toBe(401);
  const again = await session.listen(undefined, bearer(await sign()));
  expect((await response.message(1)).result.content[0].text).toBe('late');
  expect((await session.post(call(3, 'ping'), bearer(await sign()))).status).toBe(200);
  again.close();
  await server.stop();
});

test('an expired token opens no stream and sends no message, even if it was valid before', async () => {
  const token = await sign({ exp: inSeconds(3) });
  const stream = await openStream(jwt, { headers: bearer(token) });
  await stream.closed;
  expect((await knock(jwt, 'GET /sse', bearer(token))).status).toBe(401);
  expect((await knock(jwt, 'POST /messages', bearer(token))).status).toBe(401);
  expect((await knock(jwt, 'POST /mcp', bearer(token))).status).toBe(401);
});

describe('with only one endpoint protected', () => {
  test("sse: messages need only the session id, and count as its owner's", async () => {
    const server = await startServer('apikey', { API_KEY: `alice:${alice}`, PROTECT: 'sse' });
    expect((await knock(server, 'GET /sse')).status).toBe(401);
    const stream = await openStream(server, { headers: key(alice) });
    expect((await post(server, stream.endpoint, callTool(1, 'whoami'))).status).toBe(202);
    expect((await stream.message(1)).result.content[0].text).toBe('alice');
    await server.stop();
  });

  test('messages: the session belongs to the first known caller; /mcp is protected too', async () => {
    const server = await startServer('apikey', { API_KEY: `alice:${alice},bob:${bob}`, PROTECT: 'messages' });
    const stream = await openStream(server);
    expect((await post(server, stream.endpoint, callTool(1, 'whoami'))).status).toBe(401);
    expect((await knock(server, 'POST /mcp')).status).toBe(401);
    expect((await post(server, stream.endpoint, callTool(1, 'whoami'), key(alice))).status).toBe(202);
    expect((await post(server, stream.endpoint, callTool(2, 'whoami'), key(bob))).status).toBe(404);
    expect((await stream.message(1)).result.content[0].text).toBe('alice');
    await server.stop();
  });
});

describe('guessing credentials', () => {
  test('blocks an address after 20 bad credentials in a minute, even with a good one', async () => {
    const server = await startServer('apikey', { API_KEY: alice });
    for (let i = 0; i < 20; i++) {
      const endpoint = (['GET /sse', 'POST /messages', 'POST /mcp'] as const)[i % 3] as 'GET /sse';
      expect((await knock(server, endpoint, key(`wrong-${i}`))).status).toBe(401);
    }
    for (const endpoint of ['GET /sse', 'POST /messages', 'POST /mcp'] as const) {
      const { status, headers, body } = await knock(server, endpoint, key(alice));
      expect(status).toBe(429);
      expect(Number(headers['retry-after'])).toBeGreaterThan(0);
      expect(Number(headers['retry-after'])).toBeLessThanOrEqual(60);
      expect(JSON.parse(body).error.code).toBe('too_many_requests');
    }
    expect((await send(server, 'GET', '/health')).status).toBe(200);
    await server.stop();
  });

  test('does not block other addresses', async () => {
    const server = await startServer('apikey', {
      API_KEY: alice,
      TRUST_PROXY: '1',
      AUTH_FAILURES_PER_MINUTE: '1',
    });
    const from = (address: string, value: string) =>
      knock(server, 'GET /sse', { 'X-Forwarded-For': address, 'X-API-Key': value });
    expect((await from('192.0.2.1', 'wrong')).status).toBe(401);
    expect((await from('192.0.2.1', alice)).status).toBe(429);
    expect((await from('192.0.2.2', alice)).status).toBe(200);
    await server.stop();
  });

  test('ignores requests without a credential, since clients ask first', async () => {
    const server = await startServer('apikey', { API_KEY: alice, AUTH_FAILURES_PER_MINUTE: '1' });
    for (let i = 0; i < 3; i++) expect((await knock(server, 'GET /sse')).status).toBe(401);
    expect((await knock(server, 'GET /sse', key(alice))).status).toBe(200);
    await server.stop();
  });
});
