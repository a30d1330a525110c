import { RateLimiterMemory, type RateLimiterRes } from 'rate-limiter-flexible';
import { HttpError } from './http-error.js';

export interface RateLimitOptions {
  /** Messages a second for each client, in bursts of twice that; 0 for no limit. */
  rateLimit: number;
  /** Bad credentials a minute from one address before all its requests are refused for the rest of it. */
  authFailuresPerMinute: number;
  /** Makes what counts. Defaults to counting in this process alone. */
  createLimiter?: CreateLimiter | undefined;
}

export type CreateLimiter = (limit: {
  keyPrefix: string;
  points: number;
  duration: number;
}) => RateLimiterMemory;

export type RateLimits = ReturnType<typeof createRateLimits>;

/** How often a client may call, and how often an address may guess credentials. */
export function createRateLimits(options: RateLimitOptions) {
  const { rateLimit, authFailuresPerMinute, createLimiter = inMemory } = options;
  // Twice the rate in two seconds: the average stays, and a burst of twice the rate fits.
  const messages =
    rateLimit > 0 ? createLimiter({ keyPrefix: 'messages', points: 2 * rateLimit, duration: 2 }) : undefined;
  const failures = createLimiter({ keyPrefix: 'failures', points: authFailuresPerMinute, duration: 60 });

  return {
    /** @throws {HttpError} `too_many_requests` */
    async countMessage(client: string, count = 1): Promise<void> {
      await messages?.consume(client, count).catch((result: RateLimiterRes) => {
        throw tooMany(`A client may send ${rateLimit} messages a second`, result);
      });
    },

    /** @throws {HttpError} `too_many_requests` */
    async requireFewFailures(address: string): Promise<void> {
      const result = await failures.get(address);
      if (result !== null && result.consumedPoints >= authFailuresPerMinute) {
        throw tooMany('Too many bad credentials came from this address', result);
      }
    },

    async countFailure(address: string): Promise<void> {
      await failures.penalty(address);
    },
  };
}

const inMemory: CreateLimiter = (limit) => new RateLimiterMemory(limit);

function tooMany(message: string, { msBeforeNext }: RateLimiterRes): HttpError {
  const seconds = Math.max(1, Math.ceil(msBeforeNext / 1000));
  return new HttpError('too_many_requests', message, { 'Retry-After': String(seconds) });
}
