import { randomBytes } from 'node:crypto';
import type { Config } from '../config.ts';
import type { Log } from '../monitoring/log.ts';
import type { Metrics } from '../monitoring/metrics.ts';
import { sizeInBytes } from '../settings/kinds.ts';
import { createForwarding } from './forwarding.ts';
import { createRedisBuckets } from './redis-buckets.ts';
import { createRedisConnections } from './redis-connections.ts';
import { createRedisRelay } from './redis-relay.ts';

/** What a server needs to be one of several processes. */
export function connectToOthers(config: Config, log: Log, metrics: Metrics) {
  const { url, prefix } = config.relay;
  const nodeId = config.relay.nodeId || randomBytes(6).toString('hex');
  const redis = createRedisConnections({ url, prefix, log });
  const maxBytes = sizeInBytes(config.messages.maxMessageSize) as number;
  const messages = { maxBytes, maxValues: config.messages.maxMessageValues };
  return {
    relay: createForwarding({ channel: createRedisRelay({ nodeId, redis, log }), messages, metrics }),
    createBuckets: createRedisBuckets(redis),
  };
}
