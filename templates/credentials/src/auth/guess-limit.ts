import { type CreateLimiter, inMemory, limitExceeded } from '../http/rate-limits.ts';

export interface GuessLimitOptions {
  /** Bad credentials a minute from one address, before all its requests are refused for the rest of that minute. */
  failuresPerMinute: number;
  /** Makes the counter. Defaults to one of this process alone. */
  createLimiter: CreateLimiter | undefined;
}

export type GuessLimit = ReturnType<typeof createGuessLimit>;

/** How often an address may guess credentials. */
export function createGuessLimit({ failuresPerMinute, createLimiter = inMemory }: GuessLimitOptions) {
  const failures = createLimiter({ keyPrefix: 'failures', points: failuresPerMinute, duration: 60 });

  return {
    /** @throws {HttpError} `too_many_requests` */
    async requireFewFailures(address: string): Promise<void> {
      const result = await failures.get(address);
      if (result !== null && result.consumedPoints >= failuresPerMinute) {
        throw limitExceeded('too_many_failures', result);
      }
    },

    async countFailure(address: string): Promise<void> {
      await failures.penalty(address);
    },
  };
}
