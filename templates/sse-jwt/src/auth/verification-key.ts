import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { type Algorithm, algorithmsByKey } from '../settings/algorithms.ts';

/** Node's names of the curves. */
const curves: Record<string, string> = { prime256v1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521' };

/** Bytes that a shared secret has at least: as many as SHA-256 puts out (RFC 7518, section 3.2). */
const minSecretBytes = 32;
/** Bits that an RSA key has at least (RFC 7518, section 3.3). */
const minRsaBits = 2048;

/**
 * Whether the accepted algorithms use a shared secret or a public key. Never both: whoever knows the public
 * key could sign a token with it as if it were the secret (RFC 8725, section 2.1).
 *
 * @throws {Error} when there is none, or they are mixed
 */
export function kindOf(accepted: readonly Algorithm[]): 'secret' | 'public' {
  const secret = accepted.filter((algorithm) =>
    (algorithmsByKey.secret as readonly string[]).includes(algorithm),
  );
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
  if (secret.includes('-----BEGIN') || parseJwk(secret) !== undefined) {
    throw new Error('JWT_SECRET: a PEM or JWK is a key, not a secret; name its algorithm in JWT_ALGORITHMS');
  }
  const bytes = new TextEncoder().encode(secret);
  if (bytes.length < minSecretBytes)
    throw new Error(`JWT_SECRET: at least ${minSecretBytes} bytes are needed`);
  return bytes;
}

function publicKey(text: string, accepted: readonly Algorithm[]): KeyObject {
  const jwk = parseJwk(text);
  if (text.includes('PRIVATE KEY') || jwk?.d !== undefined) {
    throw new Error('JWT_SECRET: the public key is needed, not the private one');
  }
  const key = importKey(jwk ?? text);
  const type = typeOf(key);
  const fitting: readonly string[] = algorithmsByKey[type as keyof typeof algorithmsByKey] ?? [];
  const unfit = accepted.find((algorithm) => !fitting.includes(algorithm));
  if (unfit !== undefined) throw new Error(`JWT_SECRET: a key of type ${type} is not for ${unfit}`);
  if (type === 'rsa' && (key.asymmetricKeyDetails?.modulusLength ?? 0) < minRsaBits) {
    throw new Error(`JWT_SECRET: an RSA key of at least ${minRsaBits} bits is needed`);
  }
  return key;
}

function typeOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string {
  const curve = asymmetricKeyDetails?.namedCurve;
  return (curve && (curves[curve] ?? curve)) ?? asymmetricKeyType ?? 'unknown';
}

function importKey(key: string | JsonWebKey): KeyObject {
  try {
    // Some places that keep variables allow one line only; there `\n` stands for a line break.
    return typeof key === 'string'
      ? createPublicKey(key.replaceAll('\\n', '\n'))
      : createPublicKey({ key, format: 'jwk' });
  } catch {
    // The parser's message could quote the key.
    throw new Error('JWT_SECRET: for these algorithms a public key as PEM or JWK is needed');
  }
}

function parseJwk(text: string): JsonWebKey | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && 'kty' in value ? (value as JsonWebKey) : undefined;
  } catch {
    return undefined;
  }
}
