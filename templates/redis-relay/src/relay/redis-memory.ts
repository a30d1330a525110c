import { createHash, randomUUID } from 'node:crypto';
import { nodeOf } from './channel.ts';
import type { Kept, Memory } from './keeper.ts';
import type { RedisConnections } from './redis-connections.ts';

export interface RedisMemoryOptions {
  nodeId: string;
  redis: RedisConnections;
  /** Milliseconds for which what clients told is kept after their process has ended. */
  keepMs: number;
}

/** Milliseconds between two signs of life, and after which one without them counts as gone. */
const signInterval = 1000;
const signLasts = 3500;

/** Milliseconds that an answer of Redis is waited for. */
const answerTimeout = 2000;

/** Takes what a client told and its calls, and leaves the name of the session that goes on. */
const takeOnce = `
local told = redis.call('HGET', KEYS[1], ARGV[1])
if not told or string.sub(told, 1, 1) == '>' then return {told, false} end
local calls = redis.call('HGET', KEYS[2], ARGV[1])
redis.call('HSET', KEYS[1], ARGV[1], '>' .. ARGV[2])
redis.call('HDEL', KEYS[2], ARGV[1])
return {told, calls}`;

/**
 * Keeps what clients told in two hashes for each process, by a digest of the session's id and its caller. They expire
 * when the process has given no sign of life for some time, so a session costs Redis nothing while nothing changes.
 */
export function createRedisMemory({ nodeId, redis, keepMs }: RedisMemoryOptions): Memory {
  const { commands, prefix } = redis;
  const toldOf = (node: string) => `${prefix}told:${node}`;
  const callsOf = (node: string) => `${prefix}calls:${node}`;
  const aliveOf = (node: string) => `${prefix}alive:${node}`;
  /** Tells this process from an earlier one with the same id. */
  const life = randomUUID();
  let last: Promise<unknown> = Promise.resolve();

  /** Sends commands that nothing waits for; they fail when Redis is out of reach, which its connections report. */
  function later(...sent: Promise<unknown>[]): void {
    last = Promise.allSettled(sent);
  }

  function giveSign(): void {
    if (!redis.isReady()) return;
    later(
      commands.set(aliveOf(nodeId), life, { PX: signLasts }),
      commands.pExpire(toldOf(nodeId), keepMs),
      commands.pExpire(callsOf(nodeId), keepMs),
    );
  }

  /** Deletes what an earlier process with this id left, once its clients had time to come back. */
  async function deleteLeft(): Promise<void> {
    const left = await commands.hKeys(toldOf(nodeId)).catch(() => []);
    if (left.length === 0) return;
    setTimeout(() => {
      later(commands.hDel(toldOf(nodeId), left), commands.hDel(callsOf(nodeId), left));
    }, keepMs).unref();
  }

  function keep(changes: Kept[]): void {
    if (!redis.isReady()) return;
    for (const [key, what] of [
      [toldOf(nodeId), 'told'],
      [callsOf(nodeId), 'calls'],
    ] as const) {
      const set: Record<string, string> = {};
      const deleted: string[] = [];
      for (const one of changes) {
        const value = one[what];
        if (value === null) deleted.push(digestOf(one.sessionId, one.opener));
        else if (value !== undefined) set[digestOf(one.sessionId, one.opener)] = JSON.stringify(value);
      }
      if (Object.keys(set).length > 0) later(commands.hSet(key, set), commands.pExpire(key, keepMs));
      if (deleted.length > 0) later(commands.hDel(key, deleted));
    }
  }

  return {
    open(rewrite) {
      if (keepMs === 0) return;
      let isFirst = true;
      redis.onReady(() => {
        giveSign();
        if (isFirst) deleteLeft();
        else rewrite();
        isFirst = false;
      });
      setInterval(giveSign, signInterval).unref();
    },
    keep,

    async take(sessionId, opener, newId) {
      const node = nodeOf(sessionId);
      const [told, calls] = (await inTime(
        commands.eval(takeOnce, {
          keys: [toldOf(node), callsOf(node)],
          arguments: [digestOf(sessionId, opener), newId],
        }),
        [],
      )) as (string | null)[];
      if (!told) return undefined;
      if (told.startsWith('>')) return { movedTo: told.slice(1) };
      return { told: JSON.parse(told), calls: JSON.parse(calls ?? '[]') };
    },

    async movedTo(sessionId, opener) {
      const key = toldOf(nodeOf(sessionId));
      const told = await inTime(commands.hGet(key, digestOf(sessionId, opener)), null);
      return told?.startsWith('>') ? told.slice(1) : undefined;
    },

    async lives(nodeIds) {
      // Others may not have come back to Redis yet.
      if (!redis.isReady() || redis.msSinceReturn() < signLasts) return undefined;
      const found = await inTime(commands.mGet(nodeIds.map(aliveOf)), undefined);
      return found?.map((one) => one ?? undefined);
    },

    async flushed() {
      await inTime(last, undefined);
    },
  };
}

/** What Redis answers, or this instead if it does not in time. */
async function inTime<T>(answer: Promise<T>, instead: T): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeUp = new Promise<T>((resolve) => {
    timer = setTimeout(resolve, answerTimeout, instead);
  });
  try {
    return await Promise.race([answer.catch(() => instead), timeUp]);
  } finally {
    clearTimeout(timer);
  }
}

function digestOf(sessionId: string, opener: string | undefined): string {
  return createHash('sha256')
    .update(JSON.stringify([sessionId, opener]))
    .digest('base64url');
}
