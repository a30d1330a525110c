import { SignJWT } from 'jose';
import { expect, test } from 'vitest';
import { call, callTool, openStream, post, rawConnection, send } from '../support/client.js';
import { type Auth, authTypes, secret } from '../support/projects.js';
import { type RunningServer, startServer } from '../support/server.js';

// What may never stand in a log: a credential, good or bad, or what a client said. Each server is taken through all
// kinds of good and bad requests at the level that says the most; then its whole output is searched.

/** Found nowhere but in what clients send here. */
const said = 'what-the-client-said-7f3a9c';
const wrong = 'a-wrong-credential-51d0e2';

async function credentialOf(auth: Auth): Promise<Record<string, string>> {
  if (auth === 'apikey') return { 'X-API-Key': secret };
  if (auth !== 'jwt') return {};
  return { Authorization: `Bearer ${await sign(secret, '5m')}` };
}

function sign(key: string, expires: string): Promise<string> {
  return new SignJWT({ note: wrong })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject('alice')
    .setExpirationTime(expires)
    .sign(new TextEncoder().encode(key));
}

/** @returns what a session's endpoint was, if one could be opened */
async function goodAndBad(server: RunningServer, good: Record<string, string>, bad: string[]) {
  const badHeaders: Record<string, string>[] = bad.flatMap((value) => [
    { Authorization: `Bearer ${value}` },
    { Authorization: value },
    { 'X-API-Key': value },
  ]);
  for (const headers of badHeaders) {
    await send(server, 'GET', '/sse', { headers, body: said }).catch(() => {});
    await post(server, `/messages?sessionId=${said}`, call(1, said), headers);
    await send(server, 'GET', `/sse?token=${bad[0]}&key=${bad[0]}`, { headers });
    await send(server, 'GET', '/metrics', { headers });
  }
  for (const body of [said, `{"${said}`, `"${said}"`, `[${JSON.stringify(said)}]`, `{"method":"${said}"}`]) {
    await post(server, '/messages?sessionId=unknown', body, good);
    await post(server, '/mcp', body, { ...good, Accept: 'application/json, text/event-stream' });
  }
  const raw = await rawConnection(server);
  raw.write(`NONSENSE ${said} HTTP/9.9\r\nAuthorization: ${wrong}\r\n\r\n`);
  await raw.end();

  const stream = await openStream(server, { headers: good }).catch(() => undefined);
  if (stream === undefined) return undefined; // Nobody is let in as generated, with a custom provider.
  const messages = [
    callTool(1, 'echo', { text: said }),
    callTool(2, 'echo', { text: { [said]: said } }),
    callTool(3, said, { [said]: said }),
    call(4, said, { said }),
    { jsonrpc: '2.0', id: said, result: { said } },
    { jsonrpc: '2.0', id: 5, error: { code: 1, message: said } },
    { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: said, reason: said } },
    { jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: said, progress: said } },
    { jsonrpc: '2.0', method: said, params: { said } },
    { said },
  ];
  for (const message of messages) {
    await stream.post(message);
    await post(server, '/mcp', message, { ...good, Accept: 'application/json, text/event-stream' });
  }
  await stream.post(call('last', 'ping'));
  await stream.message('last');
  stream.close();
  await server.logged({ msg: 'session closed' });
  return stream.endpoint;
}

test.each(authTypes)('the log of a server with %s contains no credential and no message', async (auth) => {
  const server = await startServer(auth, { LOG_LEVEL: 'debug', AUTH_FAILURES_PER_MINUTE: '1000' });
  const good = await credentialOf(auth);
  const expired = await sign(secret, '-5m');
  const forged = await sign(secret.toUpperCase(), '5m');
  const bad = auth === 'none' ? [] : [wrong, expired, forged];
  const endpoint = await goodAndBad(server, good, bad);
  expect(await server.stop()).toEqual({ code: 0, signal: null });

  const output = server.output();
  expect(output).toContain('request refused');
  for (const hidden of [secret, said, wrong, expired, forged, ...Object.values(good)]) {
    expect(output).not.toContain(hidden);
  }
  // Nor what would do as well: a token's signature, a session's whole id.
  for (const token of [expired, forged]) expect(output).not.toContain(token.split('.')[2]);
  if (endpoint !== undefined) expect(output).not.toContain(endpoint.split('sessionId=')[1]);
  expect(output).not.toMatch(/"err":|Error:/);
});
