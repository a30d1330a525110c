import type { ServerResponse } from 'node:http';
import { getHeapStatistics } from 'node:v8';

export interface PacedWriterOptions {
  /** Bytes that may wait for a reader that takes nothing. */
  maxBufferedBytes: number;
  /** Seconds for which bytes may wait without any of them moving. */
  stallTimeoutSeconds: number;
  /** What waits for all readers of this server. */
  backlog: Backlog;
}

/** The part of the heap that may wait for all readers together. */
const partOfHeap = 1 / 8;

/** What waits for all readers of a server together. When that is too much, those are cut who have more than their share. */
export class Backlog {
  readonly #most: number;
  #bytes = 0;
  #readers = 0;

  constructor(most = getHeapStatistics().heap_size_limit * partOfHeap) {
    this.#most = most;
  }

  /** Notes that what waits for one reader has changed. */
  change(from: number, to: number): void {
    this.#bytes += to - from;
    this.#readers += Number(to > 0) - Number(from > 0);
  }

  /** Whether one reader for whom so much waits takes the place of others. */
  isTooMuch(bytes: number): boolean {
    return this.#bytes > this.#most && bytes > this.#most / this.#readers;
  }
}

/** Why a response ended before its server ended it. */
export type WriteFailure = 'client_gone' | 'reader_too_slow' | 'reader_stalled';

/** Bytes handed to the socket at a time, so that a reader's progress shows. */
const pieceBytes = 64 * 1024;

/**
 * Milliseconds in which a reader must take something while more than `maxBufferedBytes` wait for it. The system reports
 * what it took in steps of up to a megabyte.
 */
const patienceMs = 5000;

/** How many times `maxBufferedBytes` may wait for a reader that goes on reading. */
const mostForSteadyReader = 16;

/**
 * Writes a response at the pace of its reader.
 *
 * Node queues whatever a socket does not take, without bound. This hands the socket one piece at a time, keeps the
 * rest, and cuts a reader off if too much waits for it or nothing moves.
 */
export class PacedWriter {
  /** Called once when the response is over: with the reason, unless `end` was called. */
  onclose?: (failure?: WriteFailure) => void;
  /** Whether the reader is behind: what is written now has to wait. */
  isBehind = false;

  readonly #response: ServerResponse;
  readonly #maxBufferedBytes: number;
  readonly #backlog: Backlog;
  /** What is left of a large write that the socket is taking piece by piece. */
  #rest: Buffer | undefined;
  /** What waits for its turn; no array while nothing waits, as is nearly always the case. */
  #queue: Buffer[] | undefined;
  #queuedBytes = 0;
  /** Bytes of the rest and the queue, as the backlog has them. */
  #waitingBytes = 0;
  /** Resolve the promises of `flushed`. */
  #waiters: ((flushed: boolean) => void)[] | undefined;
  /** Pieces that the socket has taken from the queue. */
  #piecesTaken = 0;
  #patience: NodeJS.Timeout | undefined;
  #ended = false;

  constructor(
    response: ServerResponse,
    { maxBufferedBytes, stallTimeoutSeconds, backlog }: PacedWriterOptions,
  ) {
    this.#response = response;
    this.#maxBufferedBytes = maxBufferedBytes;
    this.#backlog = backlog;
    // Node's socket timeout restarts when part of a pending write was taken, so it fires for a reader that takes
    // nothing, within twice its time, and never for one that is slow. While nothing waits it means nothing.
    response.setTimeout(stallTimeoutSeconds * 1000, () => {
      if (this.#isPending || response.writableLength > 0) this.#cut('reader_stalled');
    });
    response.once('close', () => this.#close(this.#ended ? undefined : 'client_gone'));
  }

  /** Whether nothing can be written any more. */
  get isOver(): boolean {
    return this.#ended || this.#response.destroyed;
  }

  get #isPending(): boolean {
    return this.#rest !== undefined || this.#queue !== undefined;
  }

  /**
   * Hands bytes to the socket, or keeps them until it has room.
   *
   * @returns false if the response is over
   */
  write(bytes: string | Uint8Array): boolean {
    if (this.#ended || this.#response.destroyed) return false;
    if (this.isBehind || bytes.length > pieceBytes) return this.#enqueue(Buffer.from(bytes as string));
    this.isBehind = !this.#response.write(bytes, this.#onTaken);
    return true;
  }

  /** Resolves once everything written has been taken; false if it never will be. Await it to apply back-pressure. */
  async flushed(): Promise<boolean> {
    if (this.#response.destroyed) return false;
    if (!this.isBehind) return true;
    return new Promise((resolve) => {
      this.#waiters ??= [];
      this.#waiters.push(resolve);
    });
  }

  /** Ends the response once the reader has taken what waits, or stalls. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (!this.#isPending) this.#response.end();
  }

  #enqueue(bytes: Buffer): boolean {
    this.#noteWaiting(this.#waitingBytes + bytes.length);
    if (
      this.#queuedBytes > mostForSteadyReader * this.#maxBufferedBytes ||
      this.#backlog.isTooMuch(this.#waitingBytes)
    ) {
      this.#cut('reader_too_slow');
      return false;
    }
    if (!this.isBehind) {
      this.isBehind = true;
      this.#rest = bytes;
      this.#writePiece();
      return true;
    }
    this.#queue ??= [];
    this.#queue.push(bytes);
    this.#queuedBytes += bytes.length;
    this.#watchPatience();
    return true;
  }

  readonly #onTaken = () => {
    // Node calls this too for what a connection that is gone has not taken; its 'close' follows.
    if (!this.isBehind || this.#response.socket?.destroyed !== false) return;
    if (this.#isPending) {
      this.#piecesTaken++;
      this.#writePiece();
    } else if (this.#response.writableLength === 0) {
      this.isBehind = false;
      this.#settle(true);
    }
  };

  #writePiece(): void {
    this.#rest ??= this.#takeFromQueue();
    const piece = this.#rest.subarray(0, pieceBytes);
    this.#rest = this.#rest.length > pieceBytes ? this.#rest.subarray(pieceBytes) : undefined;
    this.#noteWaiting(this.#waitingBytes - piece.length);
    this.#response.write(piece, this.#onTaken);
    if (this.#ended && !this.#isPending) this.#response.end();
  }

  /** The next write that waits, or several small ones as one. */
  #takeFromQueue(): Buffer {
    const queue = this.#queue as Buffer[];
    let count = 0;
    let length = 0;
    do length += (queue[count++] as Buffer).length;
    while (count < queue.length && length + (queue[count] as Buffer).length <= pieceBytes);
    this.#queuedBytes -= length;
    const taken = queue.splice(0, count);
    if (queue.length === 0) this.#queue = undefined;
    return count === 1 ? (taken[0] as Buffer) : Buffer.concat(taken, length);
  }

  /** While too much waits, the reader must go on taking something. */
  #watchPatience(): void {
    if (this.#queuedBytes <= this.#maxBufferedBytes || this.#patience !== undefined) return;
    const taken = this.#piecesTaken;
    this.#patience = setTimeout(() => {
      this.#patience = undefined;
      if (this.#queuedBytes > this.#maxBufferedBytes && this.#piecesTaken === taken) {
        this.#cut('reader_too_slow');
      } else {
        this.#watchPatience();
      }
    }, patienceMs).unref();
  }

  #noteWaiting(bytes: number): void {
    this.#backlog.change(this.#waitingBytes, bytes);
    this.#waitingBytes = bytes;
  }

  #cut(failure: WriteFailure): void {
    this.#ended = true;
    this.#response.destroy();
    this.#close(failure);
  }

  #close(failure: WriteFailure | undefined): void {
    const { onclose } = this;
    delete this.onclose;
    clearTimeout(this.#patience);
    this.#rest = undefined;
    this.#queue = undefined;
    this.#queuedBytes = 0;
    this.#noteWaiting(0);
    onclose?.(failure);
    this.#settle(false);
  }

  #settle(flushed: boolean): void {
    for (const resolve of this.#waiters?.splice(0) ?? []) resolve(flushed);
    this.#waiters = undefined;
  }
}
