import type { JSONRPCMessage } from '@modelcontextprotocol/server';

/** One message as it was, or will be, sent. */
export interface StoredEvent {
  /** Its place among the session's events; the first is 1. */
  readonly number: number;
  /** The stream that it belongs to. Sessions that have one stream only call it 0. */
  readonly stream: number;
  readonly json: string;
  /** Whether it answers a request of the client, which ignores a second copy. */
  readonly isReply: boolean;
  /** When it was stored, in milliseconds of the monotonic clock. */
  readonly at: number;
  isWritten: boolean;
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
  #number = 0;
  /** How many events wait for a stream. */
  #unwritten = 0;

  constructor(storage: EventStorage) {
    this.#storage = storage;
  }

  /** Bytes that wait for a stream, at most: those of what was written and is still kept count too. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The number of the last event. */
  get lastNumber(): number {
    return this.#number;
  }

  get hasUnwritten(): boolean {
    return this.#unwritten > 0;
  }

  /** Stores a message. @returns its number */
  add(message: JSONRPCMessage, json: string, isWritten: boolean, at: number, stream = 0): number {
    this.#number++;
    if (!isWritten) this.#unwritten++;
    const isReply = !('method' in message);
    this.#events.push({ number: this.#number, stream, json, isReply, at, isWritten });
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

  /** What a client has not got of a stream that names the last event it has. */
  after(number: number, stream = 0): StoredEvent[] {
    return this.#events.filter((event) => event.number > number && event.stream === stream);
  }

  /** What waits for a stream. */
  unwritten(stream = 0): StoredEvent[] {
    return this.#events.filter((event) => !event.isWritten && event.stream === stream);
  }

  /** Whether anything of a stream is kept. */
  has(stream: number): boolean {
    return this.#events.some((event) => event.stream === stream);
  }

  /**
   * What a client may not have got that names no event: what waits, and replies that may have been lost on their way.
   *
   * @param endedAt when its stream ended; Infinity if it still looked alive, so that nothing is certain
   * @param hasInitialized whether it sent more than its first message, so that it has the reply to `initialize`
   */
  uncertain(endedAt: number, hasInitialized: boolean): StoredEvent[] {
    const since = endedAt === Infinity ? -Infinity : endedAt - uncertainMs;
    return this.#events.filter(({ number, json, isReply, at, isWritten }) => {
      if (!isWritten) return true;
      return isReply && at >= since && !(hasInitialized && number === 1 && answersInitialize(json));
    });
  }

  /** These events, which waited for a stream, are written. */
  noteWritten(events: StoredEvent[]): void {
    for (const event of events) event.isWritten = true;
    this.#unwritten -= events.length;
    this.#prune();
  }

  /** Forgets a stream, with what waited for it. */
  drop(stream: number): void {
    this.#replace(this.#events.filter((event) => event.stream !== stream));
  }

  /** Forgets what was written before a time. */
  forgetBefore(at: number): void {
    const [oldest] = this.#events;
    if (oldest === undefined || oldest.at >= at) return;
    this.#replace(this.#events.filter((event) => !event.isWritten || event.at >= at));
  }

  clear(): void {
    this.#replace([]);
  }

  /** Forgets what was written, the oldest first, while too much is kept. */
  #prune(): void {
    while (this.#events.length > maxKept || this.#bytes > maxKeptBytes || this.isStorageFull) {
      const index = this.#events.findIndex((event) => event.isWritten);
      if (index < 0) return;
      const [{ json }] = this.#events.splice(index, 1) as [StoredEvent];
      this.#bytes -= json.length;
      this.#storage.bytes -= json.length;
    }
  }

  #replace(events: StoredEvent[]): void {
    const bytes = events.reduce((sum, { json }) => sum + json.length, 0);
    this.#storage.bytes += bytes - this.#bytes;
    this.#bytes = bytes;
    this.#events = events;
    this.#unwritten = events.reduce((sum, { isWritten }) => sum + Number(!isWritten), 0);
  }
}

/** Clients that come to a new session after a restart do not initialise again: then the first reply is that to a call. */
function answersInitialize(json: string): boolean {
  return JSON.parse(json).result?.protocolVersion !== undefined;
}
