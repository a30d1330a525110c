// Prints a token for development, signed with JWT_SECRET of .env.
//   npm run token -- --sub alice --expires-in 1h --scope "read write"
import { existsSync, readFileSync } from 'node:fs';
import { parseArgs, parseEnv } from 'node:util';
import { SignJWT } from 'jose';

const usage = 'npm run token -- --sub alice [--expires-in 1h] [--scope "read write"]';

/** @throws {Error} whose message says in one line what is wrong */
async function makeToken() {
  const { sub, 'expires-in': expiresIn, scope } = parseOptions();
  if (!sub) throw new Error(`--sub: say who the token is for, as in ${usage}`);
  // "-1h" and "1h ago" would be understood too, and make a token that nobody takes.
  if (!/^\d+(\.\d+)? ?[a-z]+$/i.test(expiresIn)) throw badTime(expiresIn);

  const {
    JWT_SECRET = '',
    JWT_ALGORITHMS,
    JWT_ISSUER,
    JWT_AUDIENCE,
    JWT_JWKS_URL,
    JWT_CALLER_CLAIM,
  } = { ...readEnv(), ...process.env };
  if (JWT_JWKS_URL)
    throw new Error('JWT_JWKS_URL: only your identity provider can sign tokens for this server');
  const alg = JWT_ALGORITHMS?.split(',')[0].trim() || 'HS256';
  if (!alg.startsWith('HS'))
    throw new Error(`JWT_ALGORITHMS: only who has the private key can sign with ${alg}`);
  const secret = new TextEncoder().encode(JWT_SECRET.trim());
  if (secret.length < 32) throw new Error('JWT_SECRET: set a secret of 32 bytes or more in .env');

  const jwt = new SignJWT({ ...(JWT_CALLER_CLAIM && { [JWT_CALLER_CLAIM]: sub }), ...(scope && { scope }) })
    .setProtectedHeader({ alg, typ: 'JWT' })
    .setSubject(sub)
    .setIssuedAt();
  try {
    jwt.setExpirationTime(expiresIn);
  } catch {
    throw badTime(expiresIn);
  }
  if (JWT_ISSUER) jwt.setIssuer(JWT_ISSUER);
  if (JWT_AUDIENCE) jwt.setAudience(JWT_AUDIENCE.split(',').map((part) => part.trim()));
  return jwt.sign(secret);
}

/** As the server reads it (src/load-env.ts). */
function readEnv() {
  if (!existsSync('.env')) return {};
  const text = readFileSync('.env', 'utf8')
    .replace(/^\uFEFF/, '')
    .replaceAll('\r\n', '\n');
  return parseEnv(text.replace(/^[ \t]+#.*$/gm, ''));
}

function parseOptions() {
  const options = {
    sub: { type: 'string' },
    'expires-in': { type: 'string', default: '1h' },
    scope: { type: 'string' },
  };
  // npm takes the `--` before the options away, other package managers hand it on.
  const args = process.argv.slice(2).filter((argument) => argument !== '--');
  try {
    return parseArgs({ args, options }).values;
  } catch ({ message }) {
    throw new Error(`${message.split('. ')[0]}; use ${usage}`);
  }
}

function badTime(expiresIn) {
  return new Error(`--expires-in ${expiresIn}: a time such as 30m, 1h or 7d is accepted`);
}

try {
  console.log(await makeToken());
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
