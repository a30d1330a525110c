import { createPublicKey, type KeyObject } from 'node:crypto';

/** The algorithms that can be accepted, by the kind of key they need (RFC 7518, section 3.1). */
const byKeyType = {
  secret: ['HS256', 'HS384', 'HS512'],
  rsa: ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ec: ['ES256', 'ES384', 'ES512'],
  ed25519: ['EdDSA', 'Ed25519'],
} as const;

export type Algorithm = (typeof byKeyType)[keyof typeof byKeyType][number];
export const algorithms: readonly Algorithm[] = Object.values(byKeyType).flat();

/** Bytes that a shared secret has at least: as many as SHA-256 puts out (RFC 7518, section 3.2). */
const minSecretBytes = 32;

/**
 * Whether the accepted algorithms use a shared secret or a public key. Never both: whoever knows the public
 * key could sign a token with it as if it were the secret.
 *
 * @throws {Error} when there is none, or they are mixed
 */
export function kindOf(accepted: readonly Algorithm[]): 'secret' | 'public' {
  const secret = accepted.filter((algorithm) => (byKeyType.secret as readonly string[]).includes(algorithm));
  if (accepted.length === 0) throw new Error('JWT_ALGORITHMS: at least one algorithm is needed');
  if (secret.length === 0) return 'public';
  if (secret.length === accepted.length) return 'secret';
  throw new Error(`JWT_ALGORITHMS: ${accepted.join(', ')} mixes algorithms of secrets and of public keys`);
}

/**
 * The key that tokens are verified with.
 *
 * @param secret a shared secret; for public-key algorithms a public key as PEM or JWK
 * @throws {Error} when it does not fit the accepted algorithms; the message never quotes it
 */
export function verificationKey(secret: string, accepted: readonly Algorithm[]): Uint8Array | KeyObject {
  if (secret === '') throw new Error('JWT_SECRET: a secret or a public key is needed');
  return kindOf(accepted) === 'secret' ? secretKey(secret) : publicKey(secret, accepted);
}

function secretKey(secret: string): Uint8Array {
  if (secret.includes('-----BEGIN')) throw new Error('JWT_SECRET: a PEM key is not a secret; set JWT_ALGORITHMS');
  const bytes = new TextEncoder().encode(secret);
  if (bytes.length < minSecretBytes) throw new Error(`JWT_SECRET: at least ${minSecretBytes} bytes are needed`);
  return bytes;
}

function publicKey(text: string, accepted: readonly Algorithm[]): KeyObject {
  if (text.includes('PRIVATE KEY')) throw new Error('JWT_SECRET: the public key is needed, not the private one');
  const key = parsePublicKey(text);
  const fitting: readonly string[] = byKeyType[key.asymmetricKeyType as keyof typeof byKeyType] ?? [];
  const unfit = accepted.find((algorithm) => !fitting.includes(algorithm));
  if (unfit !== undefined) throw new Error(`JWT_SECRET: a key of type ${key.asymmetricKeyType} is not for ${unfit}`);
  if ((key.asymmetricKeyDetails?.modulusLength ?? 2048) < 2048) {
    throw new Error('JWT_SECRET: an RSA key has 2048 bits at least');
  }
  return key;
}

function parsePublicKey(text: string): KeyObject {
  try {
    return text.trimStart().startsWith('{')
      ? createPublicKey({ key: JSON.parse(text), format: 'jwk' })
      : createPublicKey(text);
  } catch {
    // The parser's message could quote the key.
    throw new Error('JWT_SECRET: for these algorithms a public key as PEM or JWK is needed');
  }
}
