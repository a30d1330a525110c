import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import type { JWTHeaderParameters } from 'jose';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { secret } from '../support/projects.js';
import { type RunningServer, startServer } from '../support/server.js';
import {
  bearer,
  expectAdmitted,
  expectRefused,
  hmacKey,
  inSeconds,
  noLimit,
  type SigningKey,
  sign,
} from './credentials.js';

// Every algorithm, with its key in every form it can be given in, against every fault that a token can have.

interface Kind {
  algorithms: string[];
  /** What JWT_SECRET is set to. */
  setting: string;
  signingKey: SigningKey;
  /** A key of the same type that the server does not know. */
  otherKey: SigningKey;
}

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const otherRsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const otherEc = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const ed = generateKeyPairSync('ed25519');
const otherEd = generateKeyPairSync('ed25519');
const pem = (key: KeyObject) => key.export({ format: 'pem', type: 'spki' }).toString();
const jwk = (key: KeyObject) => JSON.stringify(key.export({ format: 'jwk' }));

const kinds: Record<string, Kind> = {
  'a secret': {
    algorithms: ['HS256', 'HS384', 'HS512'],
    setting: secret,
    signingKey: hmacKey,
    otherKey: new TextEncoder().encode(`${secret}x`),
  },
  'an RSA key as PEM': {
    algorithms: ['RS256', 'PS256'],
    setting: pem(rsa.publicKey),
    signingKey: rsa.privateKey,
    otherKey: otherRsa.privateKey,
  },
  'an RSA key as PEM on one line': {
    algorithms: ['RS256', 'PS256'],
    setting: pem(rsa.publicKey).replaceAll('\n', '\\n'),
    signingKey: rsa.privateKey,
    otherKey: otherRsa.privateKey,
  },
  'an RSA key as JWK': {
    algorithms: ['RS256', 'PS256'],
    setting: jwk(rsa.publicKey),
    signingKey: rsa.privateKey,
    otherKey: otherRsa.privateKey,
  },
  'an EC key as PEM': {
    algorithms: ['ES256'],
    setting: pem(ec.publicKey),
    signingKey: ec.privateKey,
    otherKey: otherEc.privateKey,
  },
  'an EC key as JWK': {
    algorithms: ['ES256'],
    setting: jwk(ec.publicKey),
    signingKey: ec.privateKey,
    otherKey: otherEc.privateKey,
  },
  'an Ed25519 key as PEM': {
    algorithms: ['EdDSA'],
    setting: pem(ed.publicKey),
    signingKey: ed.privateKey,
    otherKey: otherEd.privateKey,
  },
  'an Ed25519 key as JWK': {
    algorithms: ['EdDSA'],
    setting: jwk(ed.publicKey),
    signingKey: ed.privateKey,
    otherKey: otherEd.privateKey,
  },
};

const issuer = 'https://issuer.example';
const audience = 'the-mcp-server';
const goodClaims = { iss: issuer, aud: audience };

const badClaims: Record<string, Record<string, unknown>> = {
  'has expired': { exp: inSeconds(-1) },
  'is not yet in force': { nbf: inSeconds(900) },
  'has no expiry': { exp: undefined },
  'has a text as expiry': { exp: '2999-01-01' },
  'has no subject': { sub: undefined },
  'has an empty subject': { sub: '' },
  'has a number as subject': { sub: 7 },
  'is from another issuer': { iss: 'https://issuer.example.evil' },
  'is from no issuer': { iss: undefined },
  'is for another audience': { aud: 'another-server' },
  'is for no audience': { aud: undefined },
};

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const replacePart = (token: string, index: number, part: string) =>
  token.split('.').with(index, part).join('.');

type Forge = (kind: Kind, alg: string) => Promise<string>;
const signedBy = (key: SigningKey, header: JWTHeaderParameters, claims = {}) =>
  sign({ ...goodClaims, ...claims }, { key, header });

const forgeries: Record<string, Forge> = {
  'is signed with another key': ({ otherKey }, alg) => signedBy(otherKey, { alg }),
  'says it needs no signature': async () =>
    `${encode({ alg: 'none' })}.${encode({ sub: 'alice', exp: inSeconds(300), ...goodClaims })}.`,
  'names another algorithm than it was signed with': async ({ signingKey }, alg) =>
    replacePart(await signedBy(signingKey, { alg }), 0, encode({ alg: alg === 'HS256' ? 'RS256' : 'HS256' })),
  'was given another subject after it was signed': async ({ signingKey }, alg) =>
    replacePart(
      await signedBy(signingKey, { alg }),
      1,
      encode({ sub: 'root', exp: inSeconds(300), ...goodClaims }),
    ),
  'was given another signature': async ({ signingKey }, alg) => {
    const [, , other] = (await signedBy(signingKey, { alg }, { sub: 'bob' })).split('.');
    return replacePart(await signedBy(signingKey, { alg }), 2, other as string);
  },
  'lost its signature': async ({ signingKey }, alg) =>
    replacePart(await signedBy(signingKey, { alg }), 2, ''),
  'has an extension that must be understood': ({ signingKey }, alg) =>
    signedBy(signingKey, { alg, crit: ['urn:example:x'], 'urn:example:x': true }),
  'has a body that is not JSON': async ({ signingKey }, alg) =>
    replacePart(await signedBy(signingKey, { alg }), 1, Buffer.from('{').toString('base64url')),
  'has five parts, as an encrypted one': async ({ signingKey }, alg) =>
    `${await signedBy(signingKey, { alg })}.x.x`,
  'is not a token at all': async () => 'not-a-token',
};

/** Whoever knows a public key could try to pass it off as a shared secret. */
const publicKeyForgeries: Record<string, Forge> = {
  'is signed with the setting as a secret': ({ setting }) => signedAsSecret(setting),
  'is signed with the public PEM as a secret': ({ signingKey }) =>
    signedAsSecret(pem(createPublicKey(signingKey as KeyObject))),
  'is signed with the public PEM, trimmed, as a secret': ({ signingKey }) =>
    signedAsSecret(pem(createPublicKey(signingKey as KeyObject)).trim()),
};
const signedAsSecret = (text: string) => signedBy(new TextEncoder().encode(text), { alg: 'HS256' });

const challenge =
  /^Bearer realm="mcp", error="invalid_token", resource_metadata="http:\/\/127\.0\.0\.1:\d+\/\.well-known\/oauth-protected-resource\/(sse|mcp)"$/;

describe.each(Object.entries(kinds))('verified with %s', (_, kind) => {
  let server: RunningServer;
  beforeAll(async () => {
    server = await startServer('jwt', {
      ...noLimit,
      JWT_SECRET: kind.setting,
      JWT_ALGORITHMS: kind.algorithms.join(','),
      JWT_ISSUER: issuer,
      JWT_AUDIENCE: audience,
    });
  });
  afterAll(() => server.stop());

  describe.each(kind.algorithms)('%s: a token', (alg) => {
    const { signingKey } = kind;
    const forged = alg.startsWith('HS') ? forgeries : { ...forgeries, ...publicKeyForgeries };

    test('that is valid is accepted', async () => {
      await expectAdmitted(server, bearer(await signedBy(signingKey, { alg })));
    });

    test('whose audiences include this server is accepted', async () => {
      const claims = { aud: ['another-server', audience] };
      await expectAdmitted(server, bearer(await signedBy(signingKey, { alg }, claims)));
    });

    test.each(Object.entries(badClaims))('that %s is refused', async (_, claims) => {
      await expectRefused(server, bearer(await signedBy(signingKey, { alg }, claims)), challenge);
    });

    test.each(Object.entries(forged))('that %s is refused', async (_, forge) => {
      await expectRefused(server, bearer(await forge(kind, alg)), challenge);
    });
  });
});

describe('an algorithm that is not allowed is refused, even with the right key:', () => {
  test.each([
    ['HS512', 'HS256', kinds['a secret']],
    ['RS512', 'RS256', kinds['an RSA key as PEM']],
    ['PS256', 'RS256', kinds['an RSA key as JWK']],
  ] as [string, string, Kind][])(
    '%s where %s is accepted',
    async (alg, JWT_ALGORITHMS, { setting, signingKey }) => {
      const server = await startServer('jwt', { JWT_SECRET: setting, JWT_ALGORITHMS });
      const token = await sign({}, { key: signingKey, header: { alg } });
      await expectRefused(server, bearer(token), /^Bearer realm="mcp", error="invalid_token"$/);
      await server.stop();
    },
  );
});
