import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { eventually, send } from '../support/client.js';
import { type RunningServer, startServer } from '../support/server.js';
import { bearer, expectAdmitted, expectRefused, inSeconds, knock, noLimit, sign } from './credentials.js';
import { type IssuerKey, type KeyServer, makeKey, startKeyServer } from './key-server.js';

// A server that fetches its keys from an identity provider, which here is one on this machine.

const issuer = 'https://issuer.example';
const audience = 'the-mcp-server';
const invalidToken = /^Bearer realm="mcp", error="invalid_token", resource_metadata="/;
const rsaKey = makeKey('first', 'RS256');
const newKey = makeKey('second', 'RS256');

const tokenBy = ({ privateKey, kid, alg }: IssuerKey, claims = {}, header = {}) =>
  sign(
    { iss: issuer, aud: audience, exp: inSeconds(3600), ...claims },
    { key: privateKey, header: { alg, kid, ...header } },
  );

const stops: (() => Promise<unknown>)[] = [];
afterAll(() => Promise.all(stops.map((stop) => stop())));

async function start(keys: IssuerKey[] = [rsaKey], settings: Record<string, string> = {}) {
  const idp = await startKeyServer(...keys);
  const server = await startServer('jwt', {
    ...noLimit,
    JWT_JWKS_URL: idp.url,
    JWT_ISSUER: issuer,
    JWT_AUDIENCE: audience,
    ...settings,
  });
  stops.push(() => server.stop('SIGKILL'), idp.stop);
  return { idp, server };
}

/** A server whose clock can be moved on: by the wait between two fetches, or by the time that keys are kept. */
async function startWithClock(step: 'cooldown' | 'maxAge') {
  const clock = pathToFileURL(join(import.meta.dirname, 'movable-clock.js')).href;
  const CLOCK_STEP = { cooldown: 5_000, maxAge: 10 * 60_000 }[step];
  const { idp, server } = await start([rsaKey], {
    NODE_OPTIONS: `--import ${clock}`,
    CLOCK_STEP: String(CLOCK_STEP),
  });
  let moved = 0;
  async function moveClock() {
    moved += CLOCK_STEP;
    server.process.kill('SIGUSR2');
    await server.logged({ msg: 'clock moved', moved });
  }
  return { idp, server, moveClock };
}

const status = async (server: RunningServer, key: IssuerKey, claims = {}) =>
  (await knock(server, 'GET /sse', bearer(await tokenBy(key, claims)))).status;

/** No two tokens are alike, so that none is remembered from the one before. */
let count = 0;
const freshStatus = (server: RunningServer, key: IssuerKey) => status(server, key, { jti: String(++count) });

test("a token is verified with the key that it names, whatever the key's type", async () => {
  const keys = (['RS256', 'PS256', 'ES256', 'EdDSA'] as const).map((alg) => makeKey(`key-${alg}`, alg));
  const { server } = await start(keys);
  for (const key of keys) await expectAdmitted(server, bearer(await tokenBy(key)));
});

test('keys are fetched once for many tokens', async () => {
  const { server, idp } = await start();
  const statuses = await Promise.all(Array.from({ length: 20 }, () => freshStatus(server, rsaKey)));
  expect(new Set(statuses)).toEqual(new Set([200]));
  expect(idp.requests).toBe(1);
});

test('tokens that the issuer did not make for this server are refused', async () => {
  const { server } = await start();
  const bad = {
    'another issuer': await tokenBy(rsaKey, { iss: 'https://other.example' }),
    'another audience': await tokenBy(rsaKey, { aud: 'another-server' }),
    'an unknown key id': await tokenBy(rsaKey, {}, { kid: 'unknown' }),
    'another key under a known id': await tokenBy({ ...newKey, kid: rsaKey.kid }),
    'an unaccepted algorithm': await tokenBy({ ...rsaKey, alg: 'RS512' }),
    'the public key as secret': await sign(
      { iss: issuer, aud: audience },
      {
        key: new TextEncoder().encode(rsaKey.publicKey.export({ format: 'pem', type: 'spki' }).toString()),
        header: { alg: 'HS256', kid: rsaKey.kid },
      },
    ),
  };
  for (const token of Object.values(bad)) await expectRefused(server, bearer(token), invalidToken);
});

test('a new key of the issuer is found, and a withdrawn one is forgotten together with its tokens', async () => {
  const { server, idp, moveClock } = await startWithClock('maxAge');
  const remembered = bearer(await tokenBy(rsaKey));
  expect((await knock(server, 'GET /sse', remembered)).status).toBe(200);
  idp.keys = [newKey];
  await moveClock();
  expect(await freshStatus(server, rsaKey)).toBe(401);
  expect(await freshStatus(server, newKey)).toBe(200);
  expect((await knock(server, 'GET /sse', remembered)).status).toBe(401);
});

test('tokens with unknown keys make the server ask the issuer at most once in 5 seconds', async () => {
  const { server, idp, moveClock } = await startWithClock('cooldown');
  for (let i = 0; i < 10; i++) expect(await freshStatus(server, newKey)).toBe(401);
  expect(idp.requests).toBe(1);
  await moveClock();
  for (let i = 0; i < 10; i++) expect(await freshStatus(server, newKey)).toBe(401);
  expect(idp.requests).toBe(2);
});

test('a new key is accepted as soon as the issuer may be asked again', async () => {
  const { server, idp, moveClock } = await startWithClock('cooldown');
  expect(await freshStatus(server, rsaKey)).toBe(200);
  idp.keys = [rsaKey, newKey];
  await moveClock();
  expect(await freshStatus(server, newKey)).toBe(200);
  expect(await freshStatus(server, rsaKey)).toBe(200);
});

test.each(['hang', 'error', 'nonsense', 'die'] as const)(
  'if the issuer fails at the start (%s), every endpoint answers 503 until it recovers',
  { concurrent: true },
  async (fault) => {
    const { server, idp, moveClock } = await startWithClock('cooldown');
    await breakDown(idp, fault);
    const answers = await Promise.all(
      (['GET /sse', 'POST /messages', 'POST /mcp'] as const).map(async (endpoint) =>
        knock(server, endpoint, bearer(await tokenBy(rsaKey))),
      ),
    );
    for (const { status, headers, body } of answers) {
      expect(status).toBe(503);
      expect(headers['retry-after']).toBe('5');
      expect(JSON.parse(body).error.code).toBe('auth_unavailable');
      expect(body).not.toContain(idp.url);
    }
    const { err } = (await server.logged({ msg: 'the auth provider failed' })) as {
      err: { message: string };
    };
    expect(err.message).toContain(`the keys at ${idp.url} cannot be fetched`);

    await mend(idp);
    await moveClock();
    await expectAdmitted(server, bearer(await tokenBy(rsaKey)));
  },
);

test.each(['hang', 'error', 'nonsense', 'die'] as const)(
  'known keys stay in use after they expire if the issuer fails (%s)',
  { concurrent: true },
  async (fault) => {
    const { server, idp, moveClock } = await startWithClock('maxAge');
    expect(await freshStatus(server, rsaKey)).toBe(200);
    await breakDown(idp, fault);
    await moveClock();
    const before = idp.requests;
    for (let i = 0; i < 5; i++) expect(await freshStatus(server, rsaKey)).toBe(200);
    expect(idp.requests - before).toBeLessThanOrEqual(1); // It is left in peace for 5 seconds.
    expect(await freshStatus(server, newKey)).toBe(503); // It may have a new key: that cannot be told.
  },
);

test('an issuer that hangs delays a token with a known key by one second, and only the first time', async () => {
  const { server, idp, moveClock } = await startWithClock('maxAge');
  expect(await freshStatus(server, rsaKey)).toBe(200);
  idp.mood = 'hang';
  await moveClock();
  expect(await timeOf(() => freshStatus(server, rsaKey))).toBeLessThan(2500);
  expect(await freshStatus(server, newKey)).toBe(503); // By now the issuer is known to hang.

  await moveClock();
  const asked = idp.requests;
  expect(await timeOf(() => freshStatus(server, rsaKey))).toBeLessThan(800);
  await eventually(
    async () => idp.requests,
    (requests) => requests === asked + 1,
  );
});

test('while one token waits for an issuer that hangs, others are verified with known keys', async () => {
  const { server, idp, moveClock } = await startWithClock('maxAge');
  expect(await freshStatus(server, rsaKey)).toBe(200);
  idp.mood = 'hang';
  await moveClock();
  const first = timeOf(() => freshStatus(server, rsaKey));
  await eventually(
    async () => idp.requests,
    (requests) => requests === 2,
  );
  const others = await Promise.all(
    Array.from({ length: 5 }, () => timeOf(() => freshStatus(server, rsaKey))),
  );
  expect(Math.max(...others)).toBeLessThan(800);
  expect(await first).toBeGreaterThan(900);
  expect(idp.requests).toBe(2);
});

test('the issuer is published for each endpoint and for the server as a whole, as RFC 9728 says', async () => {
  const { server } = await start();
  for (const path of ['', '/sse', '/mcp']) {
    const answer = await send(server, 'GET', `/.well-known/oauth-protected-resource${path}`);
    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toBe('application/json');
    expect(JSON.parse(answer.body)).toEqual({
      resource: `${server.origin}${path}`,
      authorization_servers: [issuer],
      bearer_methods_supported: ['header'],
    });
  }
});

test('behind a proxy that adds a path, the metadata is found with that path before or after it', async () => {
  const { server } = await start([rsaKey], { BASE_PATH: '/srv', TRUST_PROXY: '1' });
  const { headers } = await knock(server, 'GET /sse', { 'X-Forwarded-Proto': 'https', Host: 'localhost' });
  const named =
    /resource_metadata="https:\/\/localhost(.*)"/.exec(headers['www-authenticate'] ?? '')?.[1] ?? '';
  expect(named).toBe('/srv/.well-known/oauth-protected-resource/sse');
  for (const path of [named, '/.well-known/oauth-protected-resource/srv/sse']) {
    const { body } = await send(server, 'GET', path);
    expect(JSON.parse(body).resource).toBe(`${server.origin}/srv/sse`);
  }
});

test('a 401 says where the issuer is published; with no token sent it names no error', async () => {
  const { server } = await start();
  const metadata = `${server.origin}/.well-known/oauth-protected-resource`;
  const challenge = async (endpoint: Parameters<typeof knock>[1]) =>
    (await knock(server, endpoint)).headers['www-authenticate'];
  expect(await challenge('GET /sse')).toBe(`Bearer realm="mcp", resource_metadata="${metadata}/sse"`);
  expect(await challenge('POST /messages')).toBe(`Bearer realm="mcp", resource_metadata="${metadata}/sse"`);
  expect(await challenge('POST /mcp')).toBe(`Bearer realm="mcp", resource_metadata="${metadata}/mcp"`);
});

test('JWT_SCOPES are published, and named by a 401, for clients that log in', async () => {
  const { server } = await start([rsaKey], { JWT_SCOPES: 'api://notes/read,openid' });
  const metadata = await send(server, 'GET', '/.well-known/oauth-protected-resource/mcp');
  expect(JSON.parse(metadata.body).scopes_supported).toEqual(['api://notes/read', 'openid']);
  const { headers } = await knock(server, 'POST /mcp');
  expect(headers['www-authenticate']).toMatch(/, scope="api:\/\/notes\/read openid"$/);
  await expectAdmitted(server, bearer(await tokenBy(rsaKey))); // Whether a token has them, tools ask.
});

/** How many milliseconds it takes until the token is accepted. */
async function timeOf(ask: () => Promise<number>): Promise<number> {
  const before = performance.now();
  expect(await ask()).toBe(200);
  return performance.now() - before;
}

async function breakDown(idp: KeyServer, fault: KeyServer['mood'] | 'die') {
  if (fault === 'die') await idp.die();
  else idp.mood = fault;
}

async function mend(idp: KeyServer) {
  if (idp.mood === 'well') await idp.revive();
  idp.mood = 'well';
}
