import { randomBytes } from 'node:crypto';
import type { Config } from '../config.ts';
import type { Log } from '../monitoring/log.ts';
import { createForwarding } from './forwarding.ts';
import { createRedisBuckets } from './redis-buckets.ts';
import { createRedisConnections } from './redis-connections.ts';
import { createRedisMemory } from './redis-memory.ts';
import { createRedisRelay } from './redis-relay.ts';

/** What a server needs to be one of several processes. */
export function connectToOthers(config: Config, log: Log) {
  const { url, prefix } = config.relay;
  const nodeId = config.relay.nodeId || randomBytes(6).toString('hex');
  const redis = createRedisConnections({ url, prefix, log });
  const keepMs = config.sessions.resumeSeconds * 1000;
  return {
    relay: createForwarding({
      channel: createRedisRelay({ nodeId, redis, log }),
      memory: createRedisMemory({ nodeId, redis, keepMs }),
      log,
    }),
    createBuckets: createRedisBuckets(redis),
  };
}
