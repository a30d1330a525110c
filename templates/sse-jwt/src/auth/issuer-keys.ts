import { setTimeout } from 'node:timers/promises';
import { createRemoteJWKSet, customFetch, errors, type JWTVerifyGetKey } from 'jose';

/** The issuer's keys cannot be fetched, and none that is known fits: there is no telling whether the token is good. */
export class IssuerUnavailable extends Error {}

/** Milliseconds to wait for the issuer. */
const timeoutDuration = 5000;
/** Bytes that the keys may have: an issuer publishes a handful of a few hundred each. */
const maxBytes = 1024 * 1024;
/** Milliseconds after which keys that the issuer has not confirmed are no longer trusted. */
const trustedFor = 24 * 60 * 60_000;
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
    [customFetch]: fetchBounded,
  });
  let fetchedAt: number | undefined;
  let nextFetchAt = -Infinity;
  let failure = '';
  let isRefreshing = false;

  /** Fetches the keys, unless that was just tried; requests that come meanwhile wait for the same answer. Never fails. */
  async function refresh(): Promise<void> {
    if (performance.now() < nextFetchAt) return;
    try {
      await keys.reload();
      failure = '';
      fetchedAt = performance.now();
    } catch (error) {
      failure = reasonOf(error as Error);
    }
    nextFetchAt = performance.now() + cooldown;
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
    else if (performance.now() - fetchedAt >= maxAge) await refreshKnown();
    const unavailable = () => new IssuerUnavailable(`the keys at ${url} cannot be fetched: ${failure}`);
    if (fetchedAt === undefined || performance.now() - fetchedAt >= trustedFor) throw unavailable();
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

/** Fetches no more than `maxBytes`: an issuer that was taken over could answer without end. */
async function fetchBounded(...[url, options]: Parameters<typeof fetch>): Promise<Response> {
  const response = await fetch(url, options);
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of response.body ?? []) {
    bytes += piece.length;
    if (bytes > maxBytes) throw new Error(`the keys have more than ${maxBytes} bytes`);
    pieces.push(piece);
  }
  return new Response(Buffer.concat(pieces), { status: response.status, headers: response.headers });
}
