import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { bearer, knock, sign } from '../auth/credentials.js';
import { type IssuerKey, makeKey } from '../auth/key-server.js';
import { metric } from '../support/client.js';
import { type RunningServer, startServer } from '../support/server.js';

// What an issuer may publish as its keys, by mistake or when somebody else has taken it over.

const es = makeKey('a', 'ES256');
const es2 = makeKey('b', 'ES256');
const ed = makeKey('ed', 'EdDSA');
const jwk = ({ publicKey, kid, alg }: IssuerKey) => ({
  ...publicKey.export({ format: 'jwk' }),
  kid,
  alg,
  use: 'sig',
});
const without = (name: string, value: object) =>
  Object.fromEntries(Object.entries(value).filter(([key]) => key !== name));

let server: RunningServer;
let answer: (response: ServerResponse) => void;
const issuer = createServer((_, response) => answer(response));
let settings: Record<string, string>;
beforeEach(async () => {
  if (!issuer.listening) await once(issuer.listen(0, '127.0.0.1'), 'listening');
  const url = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}/keys`;
  settings = { METRICS: 'public', JWT_SECRET: '', JWT_JWKS_URL: url, JWT_ISSUER: 'me', JWT_AUDIENCE: 'here' };
});
afterEach(async () => {
  await server?.stop('SIGKILL');
  issuer.closeAllConnections();
});

const publish = (...keys: object[]) => {
  answer = (response) => void response.end(JSON.stringify({ keys }));
};
const statusWith = async (key: IssuerKey, header: { alg: string; kid?: string }) =>
  (
    await knock(
      server,
      'GET /sse',
      bearer(await sign({ iss: 'me', aud: 'here' }, { key: key.privateKey, header })),
    )
  ).status;

describe('keys that are too much', () => {
  test('an answer without end is cut, and its memory is free', async () => {
    let sent = 0;
    answer = (response) => {
      const piece = Buffer.alloc(1024 * 1024, ' ');
      const write = () => {
        while (!response.destroyed && response.write(piece)) sent++;
      };
      response.on('drain', write);
      write();
    };
    server = await startServer('jwt', { ...settings, NODE_OPTIONS: '--max-old-space-size=128' });
    expect(await statusWith(es, { alg: 'ES256', kid: 'a' })).toBe(503);
    expect(await metric(server, 'process_resident_memory_bytes')).toBeLessThan(250 * 1024 ** 2);
    expect(sent).toBeLessThan(50);
  });

  test('an answer that comes slowly is given up after 5 s', async () => {
    answer = (response) => {
      const timer = setInterval(() => response.write(' '), 100);
      response.once('close', () => clearInterval(timer));
    };
    server = await startServer('jwt', settings);
    const startedAt = Date.now();
    expect(await statusWith(es, { alg: 'ES256', kid: 'a' })).toBe(503);
    expect(Date.now() - startedAt).toBeLessThan(8000);
  });

  test('thousands of keys are not all tried for a token that names none', async () => {
    const many = Array.from({ length: 2000 }, () => without('kid', jwk(es2)));
    publish(...many, without('kid', jwk(es)));
    server = await startServer('jwt', settings);
    const before = await metric(server, 'process_cpu_seconds_total');
    expect(await statusWith(es, { alg: 'ES256' })).toBe(401);
    expect((await metric(server, 'process_cpu_seconds_total')) - before).toBeLessThan(0.5);
  });
});

describe('keys that are alike', () => {
  test.each([
    ['the same key twice', () => [jwk(es), jwk(es)], es, { alg: 'ES256', kid: 'a' }],
    ['two keys of one id', () => [jwk({ ...es2, kid: 'a' }), jwk(es)], es, { alg: 'ES256', kid: 'a' }],
    ['two keys, and a token that names none', () => [jwk(es2), jwk(es)], es, { alg: 'ES256' }],
    ['two keys without ids', () => [without('kid', jwk(es2)), without('kid', jwk(es))], es, { alg: 'ES256' }],
    [
      'a key that is none beside a good one',
      () => [{ kty: 'EC', kid: 'a' }, jwk(es)],
      es,
      { alg: 'ES256', kid: 'a' },
    ],
    [
      'a key of another type beside it',
      () => [jwk(makeKey('a', 'RS256')), jwk(es)],
      es,
      { alg: 'ES256', kid: 'a' },
    ],
    ['Ed25519', () => [without('alg', jwk(ed))], ed, { alg: 'Ed25519', kid: 'ed' }],
    ['Ed25519 that the key names', () => [{ ...jwk(ed), alg: 'Ed25519' }], ed, { alg: 'Ed25519', kid: 'ed' }],
    ['EdDSA', () => [jwk(ed)], ed, { alg: 'EdDSA', kid: 'ed' }],
  ] as const)('%s', async (_, keys, key, header) => {
    publish(...keys());
    server = await startServer('jwt', settings);
    expect(await statusWith(key, header)).toBe(200);
    // The header is the same, the signature is another's.
    expect(await statusWith(makeKey('forged', key.alg as 'ES256' | 'EdDSA'), header)).toBe(401);
    await server.logged({ status: 401, reason: 'the signature does not fit' });
  });
});

test.each([
  ['nothing', ''],
  ['no JSON', '<html>'],
  ['null', 'null'],
  ['a list', '[]'],
  ['no keys', '{}'],
  ['keys that are none', '{"keys":"all of them"}'],
  ['keys in keys', '{"keys":[[]]}'],
  ['deep keys', `{"keys":${'['.repeat(100_000)}${']'.repeat(100_000)}}`],
])('an issuer that publishes %s is unavailable, and the server lives', async (_, body) => {
  answer = (response) => void response.end(body);
  server = await startServer('jwt', settings);
  expect(await statusWith(es, { alg: 'ES256', kid: 'a' })).toBe(503);
  expect(await metric(server, 'process_open_fds')).toBeGreaterThan(0);
});
