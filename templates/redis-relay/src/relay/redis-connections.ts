import { createClient } from '@redis/client';
import type { Log } from '../monitoring/log.ts';

export interface RedisOptions {
  /** `redis://` or `rediss://` (TLS), with user and password where they are needed. */
  url: string;
  /** Begins the name of every channel and key. */
  prefix: string;
  log: Log;
}

export type RedisConnections = ReturnType<typeof createRedisConnections>;

/** Milliseconds between two pings, and in which one must be answered. A Redis that hangs keeps its connections open. */
const pingInterval = 1000;
const pingTimeout = 5000;

/** Milliseconds between two attempts to reach Redis: soon at first, then once a second. */
const longestRetryDelay = 1000;

/**
 * The two connections of a process: one for commands, one for subscriptions, since Redis wants them apart. They are
 * made when `connect` is called, and made again for as long as it takes whenever they are lost.
 */
export function createRedisConnections({ url, prefix, log }: RedisOptions) {
  const commands = createClient({
    url,
    // What cannot be sent now fails now: nothing waits for a Redis that comes back, to be sent too late.
    disableOfflineQueue: true,
    pingInterval,
    socket: {
      connectTimeout: pingTimeout,
      socketTimeout: pingTimeout,
      // All processes lose Redis at the same moment; they should not all come back at the same moment.
      reconnectStrategy: (retries) =>
        Math.min(50 * 2 ** retries, longestRetryDelay) * (0.75 + Math.random() / 4),
    },
    maintNotifications: 'disabled', // Redis Enterprise alone has them.
  });
  const subscriptions = commands.duplicate();
  const clients = [commands, subscriptions];
  let isLost = false;
  let isClosed = false;
  let returnedAt = -Infinity;

  const isReady = () => commands.isReady && subscriptions.isReady;

  for (const client of clients) {
    // There is an error for each attempt to connect; one line for each outage is enough.
    client.on('error', (error: NodeJS.ErrnoException) => {
      if (isLost || isClosed || isReady()) return;
      isLost = true;
      log.error({ reason: error.message || error.code }, 'Redis is out of reach');
    });
    client.on('ready', () => {
      if (!isLost || !isReady()) return;
      isLost = false;
      returnedAt = performance.now();
      log.info('Redis is back');
    });
  }

  return {
    commands,
    subscriptions,
    prefix,
    isReady,

    /** Calls back each time that Redis can be reached. */
    onReady(callback: () => void): void {
      for (const client of clients) client.on('ready', () => isReady() && callback());
    },

    /** Milliseconds since Redis was back after an outage; infinite when there was none. */
    msSinceReturn: () => performance.now() - returnedAt,

    connect(): void {
      // Rejects when the connections are closed before they are made; other failures are errors, as above.
      for (const client of clients) client.connect().catch(() => {});
    },

    close(): void {
      isClosed = true;
      for (const client of clients) if (client.isOpen) client.destroy();
    },
  };
}

/** @throws when it is not the URL of a Redis; the message does not repeat it, since a password can be part of it */
export function requireRedisUrl(url: string): void {
  const { protocol, hostname } = URL.canParse(url) ? new URL(url) : { protocol: '', hostname: '' };
  if ((protocol !== 'redis:' && protocol !== 'rediss:') || hostname === '') {
    throw new Error(
      'REDIS_URL must be a URL such as redis://localhost:6379 or rediss://user:password@host:6380',
    );
  }
}
