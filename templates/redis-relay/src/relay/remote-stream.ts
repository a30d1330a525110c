import type { WriteFailure } from '../http/paced-writer.ts';
import type { Stream } from '../sessions/stream.ts';

/** One event on its way to the process that holds the stream; `end` ends the stream. */
export interface RemoteEvent {
  /** Its place among those of this stream, the first being 1. */
  place: number;
  event: 'endpoint' | 'message' | 'comment' | 'end';
  data: string;
  id: string;
}

/** Milliseconds until events are sent again of which it is not known whether they arrived. */
const retryAfter = 250;

/** Characters that go to the other process at once, if there is more than one event. */
const batchLength = 256 * 1024;

/**
 * A stream that another process holds. Events go there in order, those that came while others were on their way
 * together. When the other process says that it does not have the stream, or is gone, the stream is over.
 */
export class RemoteStream implements Stream {
  onclose?: (failure?: WriteFailure) => void;
  /** Called with the number of the last event that has arrived at the other process. */
  onacknowledged?: (number: number) => void;
  isOver = false;

  readonly #deliver: (events: RemoteEvent[]) => Promise<boolean>;
  readonly #queue: RemoteEvent[] = [];
  #sent = 0;
  #isSending = false;
  #hasEnded = false;
  #waiters: ((flushed: boolean) => void)[] = [];

  /** @param deliver resolves with whether the other process took the events, or rejects if that is not known */
  constructor(deliver: (events: RemoteEvent[]) => Promise<boolean>) {
    this.#deliver = deliver;
  }

  get isBehind(): boolean {
    return this.#isSending;
  }

  send(event: 'endpoint' | 'message', data: string, id = ''): boolean {
    return this.#push(event, data, id);
  }

  comment(text: string): void {
    this.#push('comment', text);
  }

  async flushed(): Promise<boolean> {
    if (!this.#isSending) return !this.isOver;
    return new Promise((resolve) => {
      this.#waiters.push(resolve);
    });
  }

  end(): void {
    if (this.#hasEnded) return;
    this.#push('end');
    this.#hasEnded = true;
  }

  /** The other process says that the stream is over, or it is gone itself. */
  close(failure: WriteFailure): void {
    if (this.isOver) return;
    this.isOver = true;
    this.onclose?.(this.#hasEnded ? undefined : failure);
    this.#settle(false);
  }

  #push(event: RemoteEvent['event'], data = '', id = ''): boolean {
    if (this.isOver || this.#hasEnded) return false;
    this.#queue.push({ place: ++this.#sent, event, data, id });
    if (!this.#isSending) this.#sendQueue();
    return true;
  }

  async #sendQueue(): Promise<void> {
    this.#isSending = true;
    while (this.#queue.length > 0 && !this.isOver) {
      const batch = this.#nextBatch();
      const isTaken = await this.#deliver(batch).catch(() => undefined);
      if (isTaken === false) this.close('client_gone');
      else if (isTaken && !this.isOver) this.#noteTaken(batch);
      else if (!this.isOver) {
        this.#queue.unshift(...batch);
        await new Promise((resolve) => setTimeout(resolve, retryAfter));
      }
    }
    this.#isSending = false;
    this.#settle(!this.isOver);
  }

  #nextBatch(): RemoteEvent[] {
    let count = 0;
    let length = 0;
    do length += (this.#queue[count++] as RemoteEvent).data.length;
    while (
      count < this.#queue.length &&
      length + (this.#queue[count] as RemoteEvent).data.length <= batchLength
    );
    return this.#queue.splice(0, count);
  }

  #noteTaken(batch: RemoteEvent[]): void {
    const last = batch.findLast(({ id }) => id !== '');
    if (last) this.onacknowledged?.(Number(last.id.slice(last.id.lastIndexOf(':') + 1)));
    if (batch.at(-1)?.event !== 'end') return;
    this.isOver = true;
    this.onclose?.();
  }

  #settle(flushed: boolean): void {
    for (const resolve of this.#waiters.splice(0)) resolve(flushed);
  }
}
