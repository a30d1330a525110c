import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { bearer, hmacKey, inSeconds, knock, sign } from '../auth/credentials.js';
import { makeOwnProject } from '../auth/own-project.js';
import { callTool, openStream, send } from '../support/client.js';
import { type Auth, directoryOf, secret } from '../support/projects.js';
import { goodHeaders, type RunningServer, startServer, startTestServer } from '../support/server.js';

// How many credentials an address can try, all at once or one by one, and that nobody else is shut out by it.

let server: RunningServer;
afterEach(() => server?.stop('SIGKILL'));

let slowProject: Auth;
beforeAll(async () => {
  slowProject = await makeOwnProject('slow-provider', 'custom', {
    'src/auth/custom-auth-provider.ts': `
import type { IncomingMessage } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import type { AuthProvider } from './auth-provider.ts';

let asked = 0;
export class CustomAuthProvider implements AuthProvider {
  async authenticate(req: IncomingMessage): Promise<boolean> {
    console.log(JSON.stringify({ msg: 'asked', asked: ++asked }));
    await wait(Number(process.env.PROVIDER_MS));
    return req.headers.authorization === 'Bearer good';
  }
}
`,
  });
}, 60_000);

const statusOf = async (headers: Record<string, string>) =>
  (await knock(server, 'POST /messages', headers)).status;
const asked = () => Number(/.*"asked":(\d+)/s.exec(server.output())?.[1] ?? 0);
const count = (statuses: number[], status: number) => statuses.filter((s) => s === status).length;

describe('a slow provider', () => {
  test('is asked about 20 of 1,000 bad credentials that come at once', async () => {
    server = await startServer(slowProject, { PROVIDER_MS: '200', RATE_LIMIT: '0' });
    const statuses = await Promise.all(
      Array.from({ length: 1000 }, (_, i) => statusOf({ Authorization: `Bearer bad-${i}` })),
    );
    expect(asked()).toBeLessThanOrEqual(22); // 20, and what a minute's limit gives back meanwhile.
    expect(count(statuses, 401)).toBe(asked());
    expect(count(statuses, 401) + count(statuses, 429)).toBe(1000);
  });

  test('lets all of 200 good credentials in that come at once: they wait for their turn', async () => {
    server = await startServer(slowProject, { PROVIDER_MS: '100', RATE_LIMIT: '0' });
    const statuses = await Promise.all(
      Array.from({ length: 200 }, () => statusOf({ Authorization: 'Bearer good' })),
    );
    expect(count(statuses, 404)).toBe(200);
  });

  test('does not keep more than 1,000 requests waiting', async () => {
    server = await startServer(slowProject, {
      PROVIDER_MS: '3000',
      RATE_LIMIT: '0',
      MAX_CONNECTIONS_PER_ADDRESS: '5000',
    });
    const statuses = Promise.all(
      Array.from({ length: 1200 }, (_, i) => statusOf({ Authorization: `Bearer bad-${i}` })),
    );
    const startedAt = Date.now();
    const first = await Promise.race(
      Array.from({ length: 20 }, (_, i) => statusOf({ Authorization: `Bearer late-${i}` })),
    );
    expect(first).toBe(429);
    expect(Date.now() - startedAt).toBeLessThan(3000);
    await statuses;
  });
});

test('20 bad keys one after the other are checked, and the next is refused unchecked', async () => {
  server = await startServer('apikey');
  const statuses = [];
  for (let i = 0; i < 25; i++) statuses.push(await statusOf({ 'X-API-Key': `bad-${i}` }));
  expect(statuses).toEqual([...Array(20).fill(401), ...Array(5).fill(429)]);
});

test('a key accepted recently still passes while others at its address guess', async () => {
  server = await startServer('apikey');
  expect(await statusOf(goodHeaders.apikey)).toBe(404);
  for (let i = 0; i < 25; i++) await statusOf({ 'X-API-Key': `bad-${i}` });
  expect(await statusOf({ 'X-API-Key': 'bad' })).toBe(429);
  expect(await statusOf(goodHeaders.apikey)).toBe(404);
});

test('a good key takes little memory, whatever else its client sends', async () => {
  server = await startTestServer('apikey');
  const heapUsed = async () => {
    const stream = await openStream(server, { headers: goodHeaders.apikey });
    await stream.post(callTool(1, 'inside'));
    const { result } = await stream.message(1);
    stream.close();
    return JSON.parse(result.content[0].text).heapUsed;
  };
  const before = await heapUsed();
  for (let i = 0; i < 2000; i += 100) {
    const headers = (j: number) => ({ ...goodHeaders.apikey, Authorization: `${i + j}`.padEnd(8000, 'x') });
    await Promise.all(Array.from({ length: 100 }, (_, j) => statusOf(headers(j))));
  }
  expect((await heapUsed()) - before).toBeLessThan(4 * 1024 ** 2); // Of 16 MB that it sent.
});

describe('guessing tokens', () => {
  test('an expired but otherwise good token does not count as a guess', async () => {
    server = await startServer('jwt');
    const expired = bearer(await sign({ exp: inSeconds(-10) }));
    for (let i = 0; i < 30; i++) expect(await statusOf(expired)).toBe(401);
    expect(await statusOf(bearer(await sign()))).toBe(404);
  });

  test.each([
    ['signature', { key: new TextEncoder().encode('another secret that is 32 bytes long') }, {}],
    ['audience', { key: hmacKey }, { aud: 'somebody else' }],
    ['issuer', { key: hmacKey }, { iss: 'somebody else' }],
  ])('an expired one with a wrong %s is a guess', async (_, options, claims) => {
    server = await startServer('jwt', { JWT_ISSUER: 'me', JWT_AUDIENCE: 'here' });
    const claimed = { iss: 'me', aud: 'here', exp: inSeconds(-10), ...claims };
    const statuses = [];
    for (let i = 0; i < 25; i++) {
      statuses.push(await statusOf(bearer(await sign({ ...claimed, jti: `${i}` }, options))));
    }
    expect(count(statuses, 429)).toBe(5);
  });

  test('a missing token does not count as a guess', async () => {
    server = await startServer('jwt');
    for (let i = 0; i < 30; i++) expect(await statusOf({})).toBe(401);
    expect(await statusOf(bearer(await sign()))).toBe(404);
  });
});

describe('guessing the token for the metrics', () => {
  const METRICS_TOKEN = 'a-token-of-22-characters-or-more';
  const scrape = (token: string) =>
    send(server, 'GET', '/metrics', { headers: { Authorization: `Bearer ${token}` } });

  test.each(['apikey', 'jwt'] as const)(
    'guesses count, and the token passes meanwhile (%s)',
    async (auth) => {
      server = await startServer(auth, { METRICS_TOKEN });
      expect((await scrape(METRICS_TOKEN)).status).toBe(200);
      const statuses = [];
      for (let i = 0; i < 25; i++) statuses.push((await scrape(`guess-${i}`)).status);
      expect(count(statuses, 429)).toBe(5);
      expect((await scrape(METRICS_TOKEN)).status).toBe(200);
    },
  );

  test('nothing else opens them once there is a token', async () => {
    for (const METRICS of ['protected', 'public']) {
      server = await startServer('apikey', { METRICS_TOKEN, METRICS });
      expect((await send(server, 'GET', '/metrics', { headers: goodHeaders.apikey })).status).toBe(401);
      expect((await scrape(secret)).status).toBe(401);
      expect((await knock(server, 'POST /messages', bearer(METRICS_TOKEN))).status).toBe(401);
      await server.stop('SIGKILL');
    }
  });
});

test('the memory of keys is gone with the key', async () => {
  const name = await makeOwnProject('renewed-keys', 'apikey', {});
  const API_KEYS_FILE = join(directoryOf(name), 'keys.txt');
  await writeFile(API_KEYS_FILE, 'other:another-key-of-the-tests-0123');
  server = await startServer(name, { API_KEYS_FILE });
  const other = { 'X-API-Key': 'another-key-of-the-tests-0123' };
  expect(await statusOf(other)).toBe(404);
  await writeFile(API_KEYS_FILE, '');
  server.process.kill('SIGHUP');
  await server.logged({ msg: 'API keys renewed' });
  expect(await statusOf(other)).toBe(401);
});
