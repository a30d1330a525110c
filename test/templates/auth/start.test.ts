import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { type Auth, secret } from '../support/projects.js';
import { runServer, startServer } from '../support/server.js';

// What a server refuses to start with: exit status 1 and one line, which names the variable and no secret.

async function expectRefusedStart(auth: Auth, settings: Record<string, string>, line: string) {
  const { code, output } = await runServer(auth, { PORT: '0', ...settings });
  expect({ code, output }).toEqual({ code: 1, output: `${line}\n` });
}

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const smallRsa = generateKeyPairSync('rsa', { modulusLength: 1024 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-384' });
const publicPem = rsa.publicKey.export({ format: 'pem', type: 'spki' }).toString();
const pkcs8 = { format: 'pem', type: 'pkcs8' } as const;
const jwks = {
  JWT_JWKS_URL: 'https://issuer.example/keys',
  JWT_ISSUER: 'https://issuer.example',
  JWT_AUDIENCE: 'me',
};

const needPublicKey = 'JWT_SECRET: for these algorithms a public key as PEM or JWK is needed';
const notASecret = 'JWT_SECRET: a PEM or JWK is a key, not a secret; name its algorithm in JWT_ALGORITHMS';
const notPrivate = 'JWT_SECRET: the public key is needed, not the private one';

describe.concurrent('a JWT server refuses', () => {
  const refused: [what: string, settings: Record<string, string>, line: string][] = [
    ['no secret', { JWT_SECRET: '' }, 'JWT_SECRET: a secret or a public key is needed'],
    ['a secret of 31 bytes', { JWT_SECRET: 'x'.repeat(31) }, 'JWT_SECRET: at least 32 bytes are needed'],
    ['HS256 with a public key as PEM', { JWT_SECRET: publicPem }, notASecret],
    [
      'HS256 with a public key as JWK',
      { JWT_SECRET: JSON.stringify(rsa.publicKey.export({ format: 'jwk' })) },
      notASecret,
    ],
    [
      'algorithms of secrets and of public keys together',
      { JWT_SECRET: publicPem, JWT_ALGORITHMS: 'RS256,HS256' },
      'JWT_ALGORITHMS: RS256, HS256 mixes algorithms of secrets and of public keys',
    ],
    ['RS256 with a secret', { JWT_ALGORITHMS: 'RS256' }, needPublicKey],
    [
      'RS256 with a broken PEM',
      { JWT_SECRET: publicPem.replace('MII', 'XII'), JWT_ALGORITHMS: 'RS256' },
      needPublicKey,
    ],
    [
      'a private key as PEM',
      { JWT_SECRET: String(rsa.privateKey.export(pkcs8)), JWT_ALGORITHMS: 'RS256' },
      notPrivate,
    ],
    [
      'a private key as JWK',
      { JWT_SECRET: JSON.stringify(rsa.privateKey.export({ format: 'jwk' })), JWT_ALGORITHMS: 'RS256' },
      notPrivate,
    ],
    [
      'ES256 with an RSA key',
      { JWT_SECRET: publicPem, JWT_ALGORITHMS: 'ES256' },
      'JWT_SECRET: a key of type rsa is not for ES256',
    ],
    [
      'ES256 with a key for ES384',
      { JWT_SECRET: JSON.stringify(ec.publicKey.export({ format: 'jwk' })), JWT_ALGORITHMS: 'ES256' },
      'JWT_SECRET: a key of type P-384 is not for ES256',
    ],
    [
      'an RSA key of 1024 bits',
      { JWT_SECRET: JSON.stringify(smallRsa.publicKey.export({ format: 'jwk' })), JWT_ALGORITHMS: 'RS256' },
      'JWT_SECRET: an RSA key of at least 2048 bits is needed',
    ],
    [
      'JWKS without an issuer',
      { ...jwks, JWT_ISSUER: '' },
      'JWT_JWKS_URL needs JWT_ISSUER and JWT_AUDIENCE too',
    ],
    [
      'JWKS without an audience',
      { ...jwks, JWT_AUDIENCE: '' },
      'JWT_JWKS_URL needs JWT_ISSUER and JWT_AUDIENCE too',
    ],
    [
      'an empty audience',
      { JWT_AUDIENCE: ',' },
      'JWT_AUDIENCE=, must be a comma-separated list of one value or more',
    ],
    [
      'JWKS over http from another machine',
      { ...jwks, JWT_JWKS_URL: 'http://issuer.example/keys' },
      'JWT_JWKS_URL=http://issuer.example/keys must be an https URL, or http on loopback',
    ],
    [
      'JWKS at a URL with a password',
      { ...jwks, JWT_JWKS_URL: 'https://user:password@issuer.example/keys' },
      'JWT_JWKS_URL must be a URL without user name and password',
    ],
    [
      'JWKS with an algorithm of secrets',
      { ...jwks, JWT_ALGORITHMS: 'HS256' },
      'JWT_ALGORITHMS must be algorithms of public keys, such as RS256, with JWT_JWKS_URL',
    ],
  ];
  test.each(refused)('%s', async (_, settings, line) => {
    await expectRefusedStart('jwt', settings, line);
  });

  test.each(['none', ','])('an unknown algorithm, or none: %s', async (algorithms) => {
    const { code, output } = await runServer('jwt', { JWT_ALGORITHMS: algorithms });
    expect(code).toBe(1);
    expect(output).toMatch(/^JWT_ALGORITHMS=(none|,) must be a comma-separated list of HS256, .*EdDSA.*\n$/);
  });
});

describe.concurrent('an API-key server refuses', () => {
  const key = 'a-key-of-16-char';
  const refused: [what: string, keys: string, line: string][] = [
    ['no key', '', 'API_KEY must have at least one key; `npm run key` makes one'],
    ['a list of empty keys', ' , ', 'API_KEY must have at least one key; `npm run key` makes one'],
    [
      'a key of 15 characters',
      `${key}, ${'x'.repeat(15)}`,
      'API_KEY: key 2 of 2 has fewer than 16 characters',
    ],
    ['an id without a key', 'laptop:', 'API_KEY: key 1 of 1 has fewer than 16 characters'],
    ['a key with an empty id', `:${key}`, 'API_KEY: key 1 of 1 has no id before its colon'],
    [
      'a key that no header can carry',
      `laptop:${key}ü`,
      'API_KEY: key 1 of 1 has characters that a header cannot carry',
    ],
    ['two keys with one id', `laptop:${key}1,laptop:${key}2`, 'API_KEY: two keys have the id laptop'],
    ['one key with two ids', `laptop:${key},ci:${key}`, 'API_KEY: the key of ci is there twice'],
  ];
  test.each(refused)('%s', async (_, keys, line) => {
    await expectRefusedStart('apikey', { API_KEY: keys }, line);
  });

  test('a missing key file', async () => {
    await expectRefusedStart(
      'apikey',
      { API_KEYS_FILE: '/no/such/file' },
      'API_KEYS_FILE=/no/such/file must be a file that can be read (ENOENT)',
    );
  });
});

describe('keys in a file', () => {
  const made: string[] = [];
  afterAll(() => Promise.all(made.map((folder) => rm(folder, { recursive: true }))));

  test('are checked like those in the variable', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'keys-'));
    made.push(folder);
    const file = join(folder, 'keys');
    await writeFile(file, 'laptop:too-short\n');
    await expectRefusedStart(
      'apikey',
      { API_KEY: '', API_KEYS_FILE: file },
      'API_KEY: key 1 of 1 has fewer than 16 characters',
    );
  });
});

describe.concurrent('a server without credentials', () => {
  const line = (host: string) =>
    `HOST=${host} must be a loopback address such as 127.0.0.1, since this server asks for no credential; ` +
    'ALLOW_UNAUTHENTICATED=true lifts this';

  test.each(['0.0.0.0', '::', '192.0.2.1', 'example.com'])('refuses to listen on %s', async (host) => {
    await expectRefusedStart('none', { HOST: host }, line(host));
  });

  test.each(['127.0.0.1', 'localhost', '127.0.0.2'])('listens on %s', async (host) => {
    const server = await startServer('none', { HOST: host });
    await server.stop();
  });

  test('listens on 0.0.0.0 if that is explicitly allowed', async () => {
    const server = await startServer('none', { HOST: '0.0.0.0', ALLOW_UNAUTHENTICATED: 'true' });
    await server.stop();
  });
});

test('a custom server says at start that it refuses everyone, and where to change that', async () => {
  const server = await startServer('custom');
  await server.stop();
  expect(server.output()).toContain(
    'Nobody is let in yet: say who may come in, in src/auth/custom-auth-provider.ts\n',
  );
});

test('`--check` prints no secret', async () => {
  for (const auth of ['jwt', 'apikey'] as const) {
    const { code, output } = await runServer(auth, {}, ['--check']);
    expect(code).toBe(0);
    expect(output).toContain(auth === 'jwt' ? 'JWT_SECRET' : 'API_KEY');
    expect(output).not.toContain(secret);
  }
});
