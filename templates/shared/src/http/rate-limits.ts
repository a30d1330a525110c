import { RateLimiterMemory, type RateLimiterRes } from 'rate-limiter-flexible';
import { HttpError, type RefusalDetails, type RefusalName } from './errors.ts';

export interface RateLimitOptions {
  /** Messages a second for each client, in bursts of twice that; 0 for no limit. */
  rateLimit: number;
  /** Makes the counters. Defaults to counters of this process alone. */
  createLimiter: CreateLimiter | undefined;
}

/** Makes a counter that refuses a client after `points` in `duration` seconds. */
export type CreateLimiter = (limit: {
  keyPrefix: string;
  points: number;
  duration: number;
}) => RateLimiterMemory;

export type RateLimits = ReturnType<typeof createRateLimits>;

/** How often a client may call. */
export function createRateLimits({ rateLimit, createLimiter = inMemory }: RateLimitOptions) {
  // Twice the rate in two seconds: the average stays, and a burst of twice the rate fits.
  const messages =
    rateLimit > 0 ? createLimiter({ keyPrefix: 'messages', points: 2 * rateLimit, duration: 2 }) : undefined;

  return {
    /** @throws {HttpError} `too_many_requests` */
    async countMessage(client: string, count = 1): Promise<void> {
      await messages?.consume(client, count).catch((result: RateLimiterRes) => {
        throw limitExceeded('too_many_requests', result, { limit: rateLimit });
      });
    },
  };
}

export const inMemory: CreateLimiter = (limit) => new RateLimiterMemory(limit);

/** A refusal that says when to come back. */
export function limitExceeded(
  name: RefusalName,
  { msBeforeNext }: RateLimiterRes,
  details?: RefusalDetails,
): HttpError {
  const seconds = Math.max(1, Math.ceil(msBeforeNext / 1000));
  return new HttpError(name, { ...details, headers: { 'Retry-After': String(seconds) } });
}
