import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { bearer, knock, sign } from '../auth/credentials.js';
import { makeKey, startKeyServer } from '../auth/key-server.js';
import { callTool, openStream, send } from '../support/client.js';
import { type RunningServer, startTestServer } from '../support/server.js';

// A wall clock that is set: an hour back, or a year forward. No interval may notice.

const hour = 60 * 60_000;
const preload = pathToFileURL(join(import.meta.dirname, '../support/wall-clock.js')).href;
let server: RunningServer;
afterEach(() => server?.stop('SIGKILL'));

async function setClock() {
  server.process.kill('SIGUSR2');
  await server.logged({ msg: 'clock set' });
}

describe.each([
  ['an hour back', -hour],
  ['a year forward', 365 * 24 * hour],
])('a clock that is set %s', (_, step) => {
  const start = (auth: 'none' | 'jwt' | 'apikey', settings: Record<string, string> = {}) =>
    startTestServer(auth, {
      CLOCK_STEP: String(step),
      NODE_OPTIONS: `--import ${preload}`,
      ...settings,
    });

  test('changes nothing for keep-alives and the uptime', async () => {
    server = await start('none', { KEEP_ALIVE_SECONDS: '1' });
    const stream = await openStream(server);
    await stream.comment();
    await setClock();
    for (let i = 0; i < 2; i++) await stream.comment(2500);
    const { uptimeSeconds } = JSON.parse((await send(server, 'GET', '/health')).body);
    expect(uptimeSeconds).toBeGreaterThanOrEqual(0);
    expect(uptimeSeconds).toBeLessThan(30);
  });

  test('changes nothing for the limits of an address', async () => {
    server = await start('apikey', { AUTH_FAILURES_PER_MINUTE: '3' });
    const guess = async () => (await knock(server, 'GET /sse', { 'X-API-Key': 'bad' })).status;
    for (let i = 0; i < 3; i++) expect(await guess()).toBe(401);
    await setClock();
    const { status, headers } = await knock(server, 'GET /sse', { 'X-API-Key': 'bad' });
    expect(status).toBe(429);
    expect(Number(headers['retry-after'])).toBeLessThanOrEqual(20);
  });

  test('changes nothing for the time that calls get when the server stops', async () => {
    server = await start('none', { SHUTDOWN_SECONDS: '2' });
    const stream = await openStream(server);
    await stream.post(callTool(1, 'hangForever'));
    await setClock();
    const startedAt = Date.now();
    expect((await server.stop()).code).toBe(0);
    expect(Date.now() - startedAt).toBeGreaterThan(1500);
    expect(Date.now() - startedAt).toBeLessThan(8000);
  });

  test('does not make the server ask the issuer again for each token', async () => {
    const key = makeKey('one', 'ES256');
    const idp = await startKeyServer(key);
    server = await start('jwt', {
      JWT_SECRET: '',
      JWT_JWKS_URL: idp.url,
      JWT_ISSUER: 'me',
      JWT_AUDIENCE: 'here',
    });
    const exp = Math.floor(Date.now() / 1000) + 2 * 365 * 24 * 3600;
    const signed = (jti: string) =>
      sign(
        { iss: 'me', aud: 'here', exp, jti },
        { key: key.privateKey, header: { alg: 'ES256', kid: 'one' } },
      );
    expect((await knock(server, 'GET /sse', bearer(await signed('0')))).status).toBe(200);
    await setClock();
    for (let i = 1; i < 5; i++) {
      expect((await knock(server, 'GET /sse', bearer(await signed(`${i}`)))).status).toBe(200);
    }
    expect(idp.requests).toBe(1);
    await idp.stop();
  });
});
