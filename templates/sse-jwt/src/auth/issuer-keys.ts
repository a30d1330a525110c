import { setTimeout } from 'node:timers/promises';
import { createRemoteJWKSet, errors, type JWTVerifyGetKey } from 'jose';

/** The issuer's keys cannot be had, and none that is known fits: whether the token is good cannot be told. */
export class IssuerUnavailable extends Error {}

/** Milliseconds to wait for the issuer. */
const timeoutDuration = 5000;
/** Milliseconds until keys are fetched again, so that one that was withdrawn stops working. */
const maxAge = 10 * 60_000;
/** Milliseconds that one token waits for that, when there are keys which may decide it. */
const patience = 1000;
/** Milliseconds between two fetches, whoever sends tokens with unknown keys and whether or not the last one failed. */
const cooldown = 5000;

/**
 * Looks up the key of a token among those that its issuer publishes at `url`, as a JSON Web Key Set (RFC 7517).
 * Keys are kept for ten minutes, longer while the issuer cannot be reached; an unknown one is fetched at once.
 *
 * @throws {IssuerUnavailable} from the returned function
 * @throws {errors.JOSEError} when the issuer has no such key
 */
export function createIssuerKeys(url: URL): JWTVerifyGetKey {
  // When to fetch is decided here: left to itself, jose forgets old keys even when there are no new ones.
  const keys = createRemoteJWKSet(url, {
    timeoutDuration,
    cacheMaxAge: Infinity,
    cooldownDuration: Infinity,
  });
  let fetchedAt: number | undefined;
  let nextFetchAt = 0;
  let failure = '';
  let isRefreshing = false;

  /** Fetches the keys, unless that was just tried; requests that come meanwhile wait for the same answer. Never fails. */
  async function refresh(): Promise<void> {
    if (Date.now() < nextFetchAt) return;
    try {
      await keys.reload();
      failure = '';
      fetchedAt = Date.now();
    } catch (error) {
      failure = reasonOf(error as Error);
    }
    nextFetchAt = Date.now() + cooldown;
  }

  /** Old keys are better than none: one token at a time waits for new ones, and none once the issuer has failed. */
  async function refreshKnown(): Promise<void> {
    if (isRefreshing) return;
    isRefreshing = true;
    const failedBefore = failure !== '';
    const fetched = refresh().finally(() => {
      isRefreshing = false;
    });
    if (!failedBefore) await Promise.race([fetched, setTimeout(patience, undefined, { ref: false })]);
  }

  return async (header, token) => {
    if (fetchedAt === undefined) await refresh();
    else if (Date.now() - fetchedAt >= maxAge) await refreshKnown();
    const unavailable = () => new IssuerUnavailable(`the keys at ${url} cannot be fetched: ${failure}`);
    if (fetchedAt === undefined) throw unavailable();
    try {
      return await keys(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
    }
    await refresh();
    if (failure !== '') throw unavailable();
    return keys(header, token);
  };
}

/** `fetch` says only that it failed; why is in the cause. */
function reasonOf({ message, cause }: Error): string {
  const { code } = (cause ?? {}) as NodeJS.ErrnoException;
  return code === undefined ? message : `${message} (${code})`;
}
