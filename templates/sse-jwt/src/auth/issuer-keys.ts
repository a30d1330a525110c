import { createLocalJWKSet, createRemoteJWKSet, errors, type JWTVerifyGetKey } from 'jose';

/** The issuer's keys cannot be had, and none that is known fits: whether the token is good cannot be told. */
export class IssuerUnavailable extends Error {}

/** Milliseconds to wait for the issuer. */
const timeoutDuration = 5000;
/** Milliseconds until keys are fetched again. */
const cacheMaxAge = 10 * 60_000;
/** Milliseconds between two fetches for keys that are not known, and after one that failed. */
const cooldownDuration = 5000;

/**
 * Looks up the key of a token among those that its issuer publishes at `url`, as a JSON Web Key Set (RFC 7517).
 * Keys are kept for ten minutes, longer while the issuer cannot be reached; an unknown one is fetched at once.
 *
 * @throws {IssuerUnavailable} from the returned function
 * @throws {errors.JOSEError} when the issuer has no such key
 */
export function createIssuerKeys(url: URL): JWTVerifyGetKey {
  const remote = createRemoteJWKSet(url, { timeoutDuration, cacheMaxAge, cooldownDuration });
  let retryAt = 0;

  return async (header, token) => {
    if (Date.now() >= retryAt) {
      try {
        return await remote(header, token);
      } catch (error) {
        if (isTokensFault(error)) throw error;
        retryAt = Date.now() + cooldownDuration;
      }
    }
    const known = remote.jwks();
    if (known === undefined) throw new IssuerUnavailable(`no keys can be fetched from ${url}`);
    return createLocalJWKSet(known)(header, token).catch((error) => {
      throw error instanceof errors.JWKSNoMatchingKey ? new IssuerUnavailable(`no new keys from ${url}`) : error;
    });
  };
}

function isTokensFault(error: unknown): boolean {
  return (
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof errors.JWKSMultipleMatchingKeys ||
    error instanceof errors.JOSENotSupported
  );
}
