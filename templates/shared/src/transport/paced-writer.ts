import type { ServerResponse } from 'node:http';

export interface PacedWriterOptions {
  /** Bytes that may wait for this reader, beside those that the socket is taking, before it is cut off. */
  maxBufferedBytes: number;
  /** Milliseconds that bytes may wait without any of them moving before the reader is cut off. */
  stallTimeoutMs: number;
}

/** Why an answer ended before its server ended it. */
export type WriteFailure = 'client_gone' | 'reader_too_slow' | 'reader_stalled';

/** How many times `maxBufferedBytes` may wait within one turn of the event loop, in which no socket takes anything. */
const oneTurn = 4;

/**
 * Writes an answer at the pace of its reader.
 *
 * Node queues what a socket does not take, without bound. This hands the socket one write at a time, keeps what comes
 * meanwhile, and cuts the reader off when that is too much or nothing moves at all.
 */
export class PacedWriter {
  /** Called once when the answer is over: with why, unless `end` was called. */
  onclose?: (failure?: WriteFailure) => void;

  readonly #response: ServerResponse;
  readonly #maxBufferedBytes: number;
  /** What waits for the socket; no array while nothing waits, as is nearly always so. */
  #waiting: Buffer[] | undefined;
  #waitingBytes = 0;
  /** Tell those whose bytes are in the socket, and those whose wait for it, whether it took them. */
  #onTakenNow: ((taken: boolean) => void) | undefined;
  #onTakenNext: ((taken: boolean) => void) | undefined;
  #takenNext: Promise<boolean> | undefined;
  #ended = false;

  constructor(response: ServerResponse, { maxBufferedBytes, stallTimeoutMs }: PacedWriterOptions) {
    this.#response = response;
    this.#maxBufferedBytes = maxBufferedBytes;
    // Node's socket timeout starts anew when it finds that part of a pending write was taken, so it fires on a reader
    // that takes nothing, within twice its time, and never on one that is slow. While nothing waits it means nothing.
    response.setTimeout(stallTimeoutMs, () => {
      if (this.#isBusy) this.#cut('reader_stalled');
    });
    response.once('close', () => this.#close(this.#ended ? undefined : 'client_gone'));
  }

  get #isBusy(): boolean {
    return this.#response.writableLength > 0;
  }

  /** True when the socket has taken everything so far. */
  get isIdle(): boolean {
    return !this.#isBusy && this.#waiting === undefined;
  }

  /** @returns whether the socket got it. Where it has no room that is a promise: who waits for it goes at the reader's pace */
  write(bytes: string | Uint8Array): boolean | Promise<boolean> {
    if (this.#ended || this.#response.destroyed) return false;
    if (this.isIdle) {
      if (this.#response.write(bytes, this.#onTaken)) return true;
      return new Promise((resolve) => {
        this.#onTakenNow = resolve;
      });
    }
    if (this.#waitingBytes > oneTurn * this.#maxBufferedBytes) {
      this.#cut('reader_too_slow');
      return false;
    }
    const wasFull = this.#isFull;
    const copy = Buffer.from(bytes);
    this.#waiting ??= [];
    this.#waiting.push(copy);
    this.#waitingBytes += copy.length;
    // The socket gets what one turn of the event loop writes at its end. Only then can a reader be told to be too slow.
    if (this.#isFull && !wasFull) {
      setImmediate(() => {
        if (this.#isFull) this.#cut('reader_too_slow');
      });
    }
    this.#takenNext ??= new Promise((resolve) => {
      this.#onTakenNext = resolve;
    });
    return this.#takenNext;
  }

  /** Ends the answer after what waits has been taken, or when the reader stalls. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#waiting === undefined) this.#response.end();
  }

  get #isFull(): boolean {
    return this.#waitingBytes > this.#maxBufferedBytes;
  }

  readonly #onTaken = () => {
    if (this.#onTakenNow === undefined && this.#waiting === undefined) return;
    // Node calls this too for what a connection that is gone has not taken; its 'close' follows.
    if (this.#response.socket?.destroyed !== false || this.#isBusy) return;
    this.#onTakenNow?.(true);
    this.#onTakenNow = this.#onTakenNext;
    this.#onTakenNext = undefined;
    this.#takenNext = undefined;
    if (this.#waiting === undefined) return;
    const bytes = Buffer.concat(this.#waiting);
    this.#waiting = undefined;
    this.#waitingBytes = 0;
    this.#response.write(bytes, this.#onTaken);
    if (this.#ended) this.#response.end();
  };

  #cut(failure: WriteFailure): void {
    this.#ended = true;
    this.#response.destroy();
    this.#close(failure);
  }

  #close(failure: WriteFailure | undefined): void {
    const { onclose } = this;
    delete this.onclose;
    onclose?.(failure);
    this.#waiting = undefined;
    this.#onTakenNow?.(false);
    this.#onTakenNext?.(false);
  }
}
