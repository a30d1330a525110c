import { randomBytes } from 'node:crypto';
import { SignJWT } from 'jose';

const secret = randomBytes(48).toString('base64url');

/** What the server under test is started with, settings of your own included. */
export const settings = {
  JWT_SECRET: secret,
  JWT_ALGORITHMS: 'HS256',
  JWT_JWKS_URL: '',
  JWT_ISSUER: '',
  JWT_AUDIENCE: '',
  AUTH_HEADER: 'Authorization',
};

export const goodHeaders: Record<string, string> | undefined = {
  Authorization: `Bearer ${await token(secret)}`,
};
export const badHeaders: Record<string, string> | undefined = {
  Authorization: `Bearer ${await token(randomBytes(48).toString('base64url'))}`,
};

function token(signedWith: string): Promise<string> {
  return new SignJWT()
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject('proof')
    .setExpirationTime('5m')
    .sign(new TextEncoder().encode(signedWith));
}
