import { type CreateBuckets, type Rate, TokenBuckets } from '../http/rate-limits.ts';
import type { RedisConnections } from './redis-connections.ts';

/** Milliseconds after which what was counted here is known to the other processes. */
const shareMs = 200;

/** Clients that are added up by one command: Redis does nothing else while it runs, which should be short. */
const clientsAtOnce = 500;

/**
 * Adds what each client was counted here to its total, which ends with the window that its first count began.
 * Returns the total and the milliseconds until that end, for one client after the other.
 */
const addUp = `
local totals = {}
for i, key in ipairs(KEYS) do
  local total = redis.call('INCRBY', key, ARGV[i])
  if total == tonumber(ARGV[i]) then redis.call('PEXPIRE', key, ARGV[#KEYS + 1]) end
  totals[2 * i - 1] = total
  totals[2 * i] = redis.call('PTTL', key)
end
return totals`;

/** Makes token buckets whose counts several processes share, as `createBuckets` of the server. */
export function createRedisBuckets(redis: RedisConnections): CreateBuckets {
  return (rate) => new SharedBuckets(rate, redis);
}

/**
 * Counts here at once, so that no request waits for Redis, and adds the counts up with those of the other processes in
 * the background. A client that is over the limit in all of them together is blocked in each of them, 0.2 s and a
 * round trip after it was counted there. Without Redis each process goes on by its own count.
 */
class SharedBuckets extends TokenBuckets {
  readonly #redis: RedisConnections;
  readonly #keyPrefix: string;
  readonly #windowMs: number;
  readonly #mostInTotal: number;
  /** What was counted since it was last added up. */
  #counted = new Map<string, number>();

  constructor(rate: Rate, redis: RedisConnections) {
    super(rate);
    this.#redis = redis;
    this.#keyPrefix = `${redis.prefix}limit:${rate.name}:`;
    // In the time that fills a bucket.
    this.#windowMs = (rate.burst / rate.perSecond) * 1000;
    // Counts come in one round late, so those of one round too many can fall into a window.
    this.#mostInTotal = Math.floor(rate.burst * (1 + shareMs / this.#windowMs));
  }

  override take(client: string, count = 1): number {
    if (this.#counted.size === 0) setTimeout(() => this.#share(), shareMs).unref();
    this.#counted.set(client, (this.#counted.get(client) ?? 0) + count);
    return super.take(client, count);
  }

  #share(): void {
    const counted = [...this.#counted];
    this.#counted = new Map();
    for (let start = 0; start < counted.length; start += clientsAtOnce) {
      // Fails when Redis is out of reach, which its connections report.
      this.#addUp(counted.slice(start, start + clientsAtOnce)).catch(() => {});
    }
  }

  async #addUp(counted: [client: string, count: number][]): Promise<void> {
    const totals = (await this.#redis.commands.eval(addUp, {
      keys: counted.map(([client]) => this.#keyPrefix + client),
      arguments: [...counted.map(([, count]) => String(count)), String(this.#windowMs)],
    })) as number[];
    for (const [index, [client]] of counted.entries()) {
      const [total = 0, msLeft = 0] = totals.slice(2 * index, 2 * index + 2);
      // With no time left the window is over; a block for no time would be one without end.
      if (total >= this.#mostInTotal && msLeft > 0) this.block(client, msLeft);
    }
  }
}
