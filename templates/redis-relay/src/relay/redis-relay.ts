import { randomUUID } from 'node:crypto';
import { HttpError } from '../http/errors.ts';
import type { Log } from '../monitoring/log.ts';
import type { Channel, ForwardedMessage, Receive } from './channel.ts';
import type { RedisConnections } from './redis-connections.ts';

export interface RedisRelayOptions {
  /** Names this process among those that share the Redis. */
  nodeId: string;
  redis: RedisConnections;
  log: Log;
}

/** What goes before a message on its way to the process that holds its session. */
interface Delivery {
  id: string;
  /** The process that waits for the answer. */
  from: string;
  /** When it is too late to take the message, in milliseconds since the epoch. */
  takeUntil: number;
  /** Of the message, all but its JSON. */
  kind?: ForwardedMessage['kind'];
  sessionId: string;
  caller?: ForwardedMessage['caller'];
}

/** Tells the process that forwarded a message whether it was taken. */
interface Answer {
  answerTo: string;
  /** Undefined if there was no room for it. */
  taken?: boolean | undefined;
}

/** Milliseconds that the sender waits for an answer. */
const answerTimeout = 2000;

/**
 * Milliseconds in which a message must be taken: less than its sender waits, so that what was refused with 503 does
 * not run all the same. The rest is for the answer's way back, and for clocks that differ.
 */
const takeTimeout = 1500;

/** Milliseconds between two lines in the log about messages that come too late. */
const lateNoteInterval = 10_000;

/** Milliseconds after an outage of Redis in which the other processes may not have come back to it. */
const returnTime = 3000;

/**
 * Carries messages over Redis's publish and subscribe. Each process subscribes to one channel, whatever the number of
 * its sessions; there it gets messages for them, and the answers to what it forwarded itself.
 */
export function createRedisRelay({ nodeId, redis, log }: RedisRelayOptions): Channel {
  const { commands, subscriptions, prefix } = redis;
  const channelOf = (node: string) => `${prefix}node:${node}`;
  /** Who waits for an answer, by the id of the delivery. */
  const waiting = new Map<string, (taken: boolean | undefined) => void>();
  /** Deliveries that came lately, and when each is too late anyway: none is taken twice. */
  const seen = new Map<string, number>();
  let isSubscribed = false;
  let nextLateNote = 0;

  const isReady = () => isSubscribed && redis.isReady();

  function listen(receive: Receive): void {
    const onMessage = (text: string) => {
      try {
        handle(text, receive);
      } catch (error) {
        log.error({ err: error }, 'a message from another process was not understood');
      }
    };
    // The client subscribes again by itself after an outage, but not when it is refused at first.
    subscriptions.on('ready', async () => {
      try {
        await subscriptions.subscribe(channelOf(nodeId), onMessage);
        isSubscribed = true;
      } catch (error) {
        log.error({ reason: (error as Error).message }, 'cannot subscribe at Redis');
      }
    });
    redis.connect();
  }

  async function forward(node: string, { json, ...rest }: ForwardedMessage): Promise<boolean> {
    if (!isReady()) throw new HttpError('relay_unavailable');
    const delivery: Delivery = {
      id: randomUUID(),
      from: nodeId,
      takeUntil: Date.now() + takeTimeout,
      ...rest,
    };
    const answer = answerTo(delivery.id);
    commands.publish(channelOf(node), `${JSON.stringify(delivery)}\n${json}`).then(
      (receivers) => {
        if (receivers > 1) log.error({ node }, 'several processes have the same NODE_ID');
        if (receivers > 0) return;
        // No such process, unless it has not come back to Redis yet.
        const mayReturn = redis.msSinceReturn() < returnTime;
        waiting.get(delivery.id)?.(mayReturn ? undefined : false);
      },
      () => waiting.get(delivery.id)?.(undefined),
    );
    const taken = await answer;
    if (taken === undefined) throw new HttpError('relay_unavailable');
    return taken;
  }

  /** Resolves with whether a delivery was taken, or with nothing when that is not known in time. */
  function answerTo(id: string): Promise<boolean | undefined> {
    return new Promise((resolve) => {
      const settle = (taken: boolean | undefined) => {
        waiting.delete(id);
        clearTimeout(timer);
        resolve(taken);
      };
      const timer = setTimeout(settle, answerTimeout, undefined);
      waiting.set(id, settle);
    });
  }

  /** @param text JSON on one line; for a delivery the message follows on the next */
  function handle(text: string, receive: Receive): void {
    const end = text.indexOf('\n');
    const head: Delivery | Answer = JSON.parse(end === -1 ? text : text.slice(0, end));
    // An answer that nobody waits for is late, or came twice.
    if ('answerTo' in head) waiting.get(head.answerTo)?.(head.taken);
    else take(head, text.slice(end + 1), receive);
  }

  function take({ id, from, takeUntil, ...rest }: Delivery, json: string, receive: Receive): void {
    const now = Date.now();
    if (now > takeUntil) {
      noteLate(from, now - takeUntil, now);
      return;
    }
    if (isRepeated(id, takeUntil, now)) return;
    const answer: Answer = { answerTo: id };
    try {
      answer.taken = receive({ caller: undefined, ...rest, json });
    } catch (error) {
      if (!(error instanceof HttpError)) throw error;
    }
    // When this fails the sender finds out by itself: it gets no answer.
    commands.publish(channelOf(from), JSON.stringify(answer)).catch(() => {});
  }

  /** One line for many: who is behind, or has a wrong clock, is so for all messages. */
  function noteLate(from: string, msTooLate: number, now: number): void {
    if (now < nextLateNote) return;
    nextLateNote = now + lateNoteInterval;
    log.warn({ from, msTooLate }, 'a message from another process came too late');
  }

  function isRepeated(id: string, takeUntil: number, now: number): boolean {
    for (const [old, until] of seen) {
      if (until > now) break; // A map keeps its order, so the others are newer.
      seen.delete(old);
    }
    if (seen.has(id)) return true;
    seen.set(id, takeUntil);
    return false;
  }

  return {
    nodeId,
    get problem() {
      return isReady() ? undefined : 'Redis is out of reach';
    },
    listen,
    forward,
    close() {
      redis.close();
      for (const settle of waiting.values()) settle(undefined);
    },
  };
}
