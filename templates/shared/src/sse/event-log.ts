import type { JSONRPCMessage, RequestId } from '@modelcontextprotocol/server';

/** One message as it was, or will be, sent. */
export interface StoredEvent {
  /** Its place among the session's events; the first is 1. */
  readonly number: number;
  readonly json: string;
  /** Whether it answers a request of the client, which ignores a second copy. */
  readonly isReply: boolean;
  /** When it was stored, in milliseconds of the monotonic clock. */
  readonly at: number;
}

/** Events of one session that are kept although they were written, and the bytes that those may have. */
const maxKept = 1000;
const maxKeptBytes = 256 * 1024;

/** Milliseconds before the end of a stream in which what was written may not have arrived. */
const uncertainMs = 1500;

/** What all sessions together store, and may store. */
export interface EventStorage {
  bytes: number;
  readonly maxBytes: number;
  /** The monotonic clock, in milliseconds: precise enough for events, and set again by the sessions' timer. */
  now: number;
}

/**
 * The last events of a session. What waits for a stream is kept until it is written; what was written is kept for a
 * while, since what the system took for a client need not have arrived.
 */
export class EventLog {
  readonly #storage: EventStorage;
  #events: StoredEvent[] = [];
  #bytes = 0;
  #number: number;
  /** The last event that was written to a stream. */
  #written: number;

  /** @param number of the last event before these; the first of all is the reply to `initialize` */
  constructor(storage: EventStorage, number = 0) {
    this.#storage = storage;
    this.#number = number;
    this.#written = number;
  }

  /** Bytes that wait for a stream, at most: those of what was written and is still kept count too. */
  get bytes(): number {
    return this.#bytes;
  }

  get hasUnwritten(): boolean {
    return this.#written < this.#number;
  }

  /** Stores a message. @returns its number */
  add(message: JSONRPCMessage, json: string, isWritten: boolean, at: number): number {
    this.#number++;
    if (isWritten) this.#written = this.#number;
    const event = { number: this.#number, json, isReply: !('method' in message), at };
    this.#events.push(event);
    this.#bytes += json.length;
    this.#storage.bytes += json.length;
    const { bytes, maxBytes } = this.#storage;
    if (isWritten && (this.#events.length > maxKept || this.#bytes > maxKeptBytes || bytes > maxBytes))
      this.#prune();
    return this.#number;
  }

  /** Whether all sessions together store more than they may. */
  get isStorageFull(): boolean {
    return this.#storage.bytes > this.#storage.maxBytes;
  }

  /** What a client has not got that names the last event it has. */
  after(number: number): StoredEvent[] {
    return this.#events.filter((event) => event.number > number);
  }

  /**
   * What a client may not have got that names no event: what waits, and replies that may have been lost on their way.
   *
   * @param endedAt when its stream ended; Infinity if it still looked alive, so that nothing is certain
   */
  uncertain(endedAt: number): StoredEvent[] {
    const since = endedAt === Infinity ? -Infinity : endedAt - uncertainMs;
    return this.#events.filter(({ number, isReply, at }) => {
      if (number > this.#written) return true;
      // The first reply is that to `initialize`. Once the client sent another message, it had it.
      return isReply && at >= since && !(number === 1 && this.#number > 1);
    });
  }

  /** All that waited is written, or all up to an event. */
  noteWritten(upTo = this.#number): void {
    this.#written = Math.max(this.#written, upTo);
    this.#prune();
  }

  /** The ids of requests whose replies wait. */
  get unwrittenReplies(): RequestId[] {
    const replies = this.#events.filter(({ number, isReply }) => isReply && number > this.#written);
    return replies.map(({ json }) => JSON.parse(json).id);
  }

  /** Forgets what was written before a time. */
  forgetBefore(at: number): void {
    const [oldest] = this.#events;
    if (oldest === undefined || oldest.at >= at) return;
    const kept = this.#events.filter((event) => event.number > this.#written || event.at >= at);
    this.#replace(kept);
  }

  clear(): void {
    this.#replace([]);
  }

  #prune(): void {
    for (;;) {
      const isTooMuch = this.#events.length > maxKept || this.#bytes > maxKeptBytes || this.isStorageFull;
      const [oldest] = this.#events;
      if (!isTooMuch || oldest === undefined || oldest.number > this.#written) return;
      this.#events.shift();
      const { length } = oldest.json;
      this.#bytes -= length;
      this.#storage.bytes -= length;
    }
  }

  #replace(events: StoredEvent[]): void {
    const bytes = events.reduce((sum, { json }) => sum + json.length, 0);
    this.#storage.bytes += bytes - this.#bytes;
    this.#bytes = bytes;
    this.#events = events;
  }
}
