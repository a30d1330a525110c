import { RateLimiterMemory, RateLimiterRedis } from 'rate-limiter-flexible';
import type { CreateLimiter } from './rate-limits.js';
import type { RedisConnections } from './redis-connections.js';

/** Milliseconds after which what was counted here is known to the other processes. */
const shareMs = 200;

/** Makes limiters whose counts several processes share, as `createLimiter` of the server. */
export function createRedisLimiter(redis: RedisConnections): CreateLimiter {
  return (limit) => new SharedLimiter(limit, redis);
}

/**
 * Counts here at once, so that no request waits for Redis, and adds the counts up with those of the other processes in
 * the background. A client that is over the limit in all of them together is blocked in each of them, 0.2 s and a
 * round trip after it was counted there. Without Redis each process goes on by its own count.
 */
class SharedLimiter extends RateLimiterMemory {
  readonly #total: RateLimiterRedis;
  readonly #mostInTotal: number;
  /** What was counted since it was last added to the total. */
  #counted = new Map<string | number, number>();

  constructor(limit: Parameters<CreateLimiter>[0], { commands, prefix }: RedisConnections) {
    super(limit);
    const keyPrefix = `${prefix}limit:${limit.keyPrefix}`;
    this.#total = new RateLimiterRedis({ ...limit, keyPrefix, storeClient: commands, useRedisPackage: true });
    // Counts come in one round late, so those of one round too many can fall into a window.
    this.#mostInTotal = Math.floor(limit.points * (1 + shareMs / 1000 / limit.duration));
  }

  override consume(client: string | number, points = 1): ReturnType<RateLimiterMemory['consume']> {
    this.#note(client, points);
    return super.consume(client, points);
  }

  override penalty(client: string | number, points = 1): ReturnType<RateLimiterMemory['penalty']> {
    this.#note(client, points);
    return super.penalty(client, points);
  }

  #note(client: string | number, points: number): void {
    if (this.#counted.size === 0) setTimeout(() => this.#share(), shareMs).unref();
    this.#counted.set(client, (this.#counted.get(client) ?? 0) + points);
  }

  #share(): void {
    const counted = this.#counted;
    this.#counted = new Map();
    for (const [client, points] of counted) {
      this.#total.penalty(client, points).then(
        ({ consumedPoints, msBeforeNext }) => {
          if (consumedPoints >= this.#mostInTotal) this.block(client, msBeforeNext / 1000);
        },
        () => {}, // Redis is out of reach, which its connections report.
      );
    }
  }
}
