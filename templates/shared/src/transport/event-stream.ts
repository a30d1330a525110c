import type { ServerResponse } from 'node:http';

export interface EventStreamOptions {
  /** Bytes that may wait for this reader before it is cut off. */
  maxBufferedBytes: number;
  /** Milliseconds that bytes may wait without any of them moving before the reader is cut off. */
  stallTimeoutMs: number;
}

/** Why a stream ended before its server ended it. */
export type StreamFailure = 'client_gone' | 'reader_too_slow' | 'reader_stalled';

/**
 * One client's stream of server-sent events.
 * https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 *
 * Node queues what a socket does not take, without bound. This stream hands the socket one write at a time,
 * keeps what comes meanwhile, and cuts the reader off when that is too much or nothing moves at all.
 */
export class EventStream {
  /** Called once when the stream is over: with why, unless `end` was called. */
  onclose?: (failure?: StreamFailure) => void;

  readonly #response: ServerResponse;
  readonly #maxBufferedBytes: number;
  /** What waits for the socket; no array while nothing waits, as is nearly always so. */
  #waiting: string[] | undefined;
  #waitingBytes = 0;
  /** Tell those whose events are in the socket, and those whose wait for it, whether it took them. */
  #onTakenNow: ((taken: boolean) => void) | undefined;
  #onTakenNext: ((taken: boolean) => void) | undefined;
  #takenNext: Promise<boolean> | undefined;
  #ended = false;

  /** @param headers what the answer carries beside the stream's own */
  constructor(
    response: ServerResponse,
    headers: Record<string, string>,
    { maxBufferedBytes, stallTimeoutMs }: EventStreamOptions,
  ) {
    this.#response = response;
    this.#maxBufferedBytes = maxBufferedBytes;

    // The stream lasts as long as its connection, so it needs no chunks: each event is one plain write.
    // The headers leave with the first event, which comes at once. Flushed alone, they would be a write whose end
    // nobody is told of, and on TLS, where no write is over at once, all events would wait for it.
    response.removeHeader('Transfer-Encoding');
    response.writeHead(200, {
      ...headers,
      'Content-Type': 'text/event-stream',
      'Cache-Control': 'no-cache, no-transform',
      // Tells nginx not to hold events back.
      'X-Accel-Buffering': 'no',
      Connection: 'close',
    });
    response.socket?.setNoDelay(true);
    response.socket?.setKeepAlive(true, 60_000);
    // Node's socket timeout starts anew when it finds that part of a pending write was taken, so it fires on a reader
    // that takes nothing, within twice its time, and never on one that is slow. On a quiet stream it means nothing.
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

  /**
   * Sends one event. `data` is one line: JSON without line breaks.
   *
   * @returns whether the socket got it. Where it has no room that is a promise: who waits for it goes at the reader's pace
   */
  send(event: 'endpoint' | 'message', data: string): boolean | Promise<boolean> {
    return this.#write(`event: ${event}\ndata: ${data}\n\n`);
  }

  /** Sends a comment, which every client ignores; proxies see that the connection is alive. */
  comment(text: string): void {
    this.#write(`: ${text}\n\n`);
  }

  /** Ends the stream after what waits has been taken, or when the reader stalls. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#waiting === undefined) this.#response.end();
  }

  #write(frame: string): boolean | Promise<boolean> {
    if (this.#ended || this.#response.destroyed) return false;
    if (this.isIdle) {
      if (this.#response.write(frame, this.#onTaken)) return true;
      return new Promise((resolve) => {
        this.#onTakenNow = resolve;
      });
    }
    const bytes = Buffer.byteLength(frame);
    // Node holds back what is written in one turn of the event loop. Before a reader counts as too slow, it gets that.
    if (this.#isFullWith(bytes)) this.#response.socket?.uncork();
    if (this.#isFullWith(bytes)) {
      this.#cut('reader_too_slow');
      return false;
    }
    this.#waiting ??= [];
    this.#waiting.push(frame);
    this.#waitingBytes += bytes;
    this.#takenNext ??= new Promise((resolve) => {
      this.#onTakenNext = resolve;
    });
    return this.#takenNext;
  }

  #isFullWith(bytes: number): boolean {
    // One message larger than the cap may pass when nothing else waits; it does not count against the next.
    const passing = this.#response.writableLength;
    const inSocket = passing > this.#maxBufferedBytes ? 0 : passing;
    return inSocket + this.#waitingBytes + bytes > this.#maxBufferedBytes;
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
    const frames = this.#waiting.join('');
    this.#waiting = undefined;
    this.#waitingBytes = 0;
    this.#response.write(frames, this.#onTaken);
    if (this.#ended) this.#response.end();
  };

  #cut(failure: StreamFailure): void {
    this.#ended = true;
    this.#response.destroy();
    this.#close(failure);
  }

  #close(failure: StreamFailure | undefined): void {
    const { onclose } = this;
    delete this.onclose;
    onclose?.(failure);
    this.#waiting = undefined;
    this.#onTakenNow?.(false);
    this.#onTakenNext?.(false);
  }
}
