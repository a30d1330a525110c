import { HttpError, type RefusalDetails, type RefusalName } from './errors.ts';

/** How much each client may do: `burst` at once, and `perSecond` in the long run. */
export interface Rate {
  /** Tells this limit from others where several processes share their counts. */
  name: string;
  burst: number;
  perSecond: number;
}

/** Makes what counts. Where several processes share the load, their counts may be added up. */
export type CreateBuckets = (rate: Rate) => TokenBuckets;

/** Clients that are remembered before those whose buckets are full again are forgotten. */
const sweepAbove = 10_000;

/** A token bucket for each client (https://en.wikipedia.org/wiki/Token_bucket), on the monotonic clock. */
export class TokenBuckets {
  readonly #rate: Rate;
  /** The tokens that were left, and when that was. A client that is not here has a full bucket. */
  readonly #buckets = new Map<string, { tokens: number; at: number }>();
  #nextSweepAbove = sweepAbove;

  constructor(rate: Rate) {
    this.#rate = rate;
  }

  /** Takes tokens. @returns 0 if there were enough, else the milliseconds until there are; then none is taken */
  take(client: string, count = 1): number {
    const now = performance.now();
    const { burst, perSecond } = this.#rate;
    const bucket = this.#buckets.get(client);
    const tokens = bucket === undefined ? burst : this.#tokensIn(bucket, now);
    // More than a whole bucket can never be there: a full one is enough, and what is missing is owed.
    if (tokens < Math.min(count, burst)) return ((Math.min(count, burst) - tokens) / perSecond) * 1000;
    if (bucket === undefined) this.#add(client, { tokens: tokens - count, at: now });
    else {
      bucket.tokens = tokens - count;
      bucket.at = now;
    }
    return 0;
  }

  /** Milliseconds until there is a token; 0 if there is one. */
  wait(client: string): number {
    return Math.max(0, ((1 - this.left(client)) / this.#rate.perSecond) * 1000);
  }

  /** How many tokens a client has. */
  left(client: string): number {
    const bucket = this.#buckets.get(client);
    return bucket === undefined ? this.#rate.burst : this.#tokensIn(bucket, performance.now());
  }

  /** Leaves a client without a token for some milliseconds. */
  block(client: string, ms: number): void {
    this.#add(client, { tokens: 1 - (ms / 1000) * this.#rate.perSecond, at: performance.now() });
  }

  #tokensIn({ tokens, at }: { tokens: number; at: number }, now: number): number {
    return Math.min(this.#rate.burst, tokens + ((now - at) / 1000) * this.#rate.perSecond);
  }

  #add(client: string, bucket: { tokens: number; at: number }): void {
    this.#buckets.set(client, bucket);
    if (this.#buckets.size <= this.#nextSweepAbove) return;
    const now = performance.now();
    for (const [name, old] of this.#buckets) {
      if (this.#tokensIn(old, now) >= this.#rate.burst) this.#buckets.delete(name);
    }
    this.#nextSweepAbove = Math.max(sweepAbove, 2 * this.#buckets.size);
  }
}

export const inThisProcess: CreateBuckets = (rate) => new TokenBuckets(rate);

export type RateLimits = ReturnType<typeof createRateLimits>;

export interface RateLimitOptions {
  /** Messages a second for each client, in bursts of twice that; 0 for no limit. */
  rateLimit: number;
  /** Sessions of one client: after a restart all of them come back at once. */
  maxSessionsPerClient: number;
  createBuckets: CreateBuckets;
}

/** How often a client may call. */
export function createRateLimits({ rateLimit, maxSessionsPerClient, createBuckets }: RateLimitOptions) {
  const limit = (name: string, burst: number) =>
    rateLimit > 0 ? createBuckets({ name, burst, perSecond: rateLimit }) : undefined;
  const messages = limit('messages', 2 * rateLimit);
  const streams = limit('streams', 2 * Math.max(rateLimit, maxSessionsPerClient));

  return {
    /** Counts messages, or requests that are none. @throws {HttpError} `too_many_requests` */
    count(client: string, count = 1): void {
      const waitMs = messages?.take(client, count) ?? 0;
      if (waitMs > 0) throw retryLater('too_many_requests', waitMs, { limit: rateLimit });
    },

    /** Counts a stream that is opened. @throws {HttpError} `too_many_requests` */
    countStream(client: string): void {
      const waitMs = streams?.take(client) ?? 0;
      if (waitMs > 0) throw retryLater('too_many_requests', waitMs, { limit: rateLimit });
    },
  };
}

/** A refusal that says when to come back. */
export function retryLater(name: RefusalName, waitMs: number, details?: RefusalDetails): HttpError {
  const seconds = Math.max(1, Math.ceil(waitMs / 1000));
  return new HttpError(name, { ...details, headers: { 'Retry-After': String(seconds) } });
}
