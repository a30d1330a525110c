// Prints a token for development, signed with JWT_SECRET of .env.
//   npm run token -- --sub alice --expires-in 1h --scope "read write"
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { SignJWT } from 'jose';

const usage = 'Usage: npm run token -- --sub alice [--expires-in 1h] [--scope "read write"]';

async function token() {
  const { values } = parseArgs({
    options: {
      sub: { type: 'string' },
      'expires-in': { type: 'string', default: '1h' },
      scope: { type: 'string' },
    },
  });
  if (!values.sub) throw new Error(`--sub: say who the token is for. ${usage}`);
  if (existsSync('.env')) process.loadEnvFile();
  const { JWT_SECRET, JWT_ISSUER, JWT_AUDIENCE, JWT_ALGORITHMS } = process.env;
  const algorithm = JWT_ALGORITHMS?.split(',')[0]?.trim() || 'HS256';
  if (!algorithm.startsWith('HS')) throw new Error(`JWT_ALGORITHMS: only your identity provider can sign ${algorithm}`);
  if (!JWT_SECRET) throw new Error('JWT_SECRET is not set: put it into .env');

  const jwt = new SignJWT(values.scope ? { scope: values.scope } : {})
    .setProtectedHeader({ alg: algorithm, typ: 'JWT' })
    .setSubject(values.sub)
    .setIssuedAt()
    .setExpirationTime(values['expires-in']);
  if (JWT_ISSUER) jwt.setIssuer(JWT_ISSUER);
  if (JWT_AUDIENCE) jwt.setAudience(JWT_AUDIENCE);
  return jwt.sign(new TextEncoder().encode(JWT_SECRET));
}

try {
  console.log(await token());
} catch (error) {
  console.error(`${error.message}`);
  process.exitCode = 1;
}
