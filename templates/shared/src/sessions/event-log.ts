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

/** What all sessions together store, and may store. */
export interface EventStorage {
  bytes: number;
  readonly maxBytes: number;
  /** Called when there is no room for what waits. */
  makeRoom(): void;
  /** The monotonic clock, in milliseconds: precise enough for events, and set again by the sessions' timer. */
  now: number;
}

/** The part of the storage that may have what was written. The rest is for what waits, which would be lost without it. */
const partForWritten = 1 / 2;

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
    if (isWritten) {
      if (this.#isTooMuchKept) this.#prune();
    } else if (this.isStorageFull) this.#storage.makeRoom();
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
   * @param since what was written before this time has arrived, in milliseconds of the monotonic clock
   * @param hasInitialized whether it sent more than its first message, so that it has the reply to `initialize`
   */
  uncertain(since: number, hasInitialized: boolean): StoredEvent[] {
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

  get #isTooMuchKept(): boolean {
    const { bytes, maxBytes } = this.#storage;
    return this.#events.length > maxKept || this.#bytes > maxKeptBytes || bytes > maxBytes * partForWritten;
  }

  /** Forgets what was written, the oldest first, while too much is kept. */
  #prune(): void {
    while (this.#isTooMuchKept) {
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
