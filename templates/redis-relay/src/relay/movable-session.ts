import type { JSONRPCMessage, RequestId } from '@modelcontextprotocol/server';
import type { Caller } from '../auth/caller.ts';
import type { Work } from '../http/work-limits.ts';
import type { SharedByAll } from '../sessions/session.ts';
import type { Stream } from '../sessions/stream.ts';
import { SseSession, type SseSessionOptions } from '../sse/sse-session.ts';
import { EventsOnTheWay } from './events-on-the-way.ts';
import type { KeptSession, SessionKeeper } from './keeper.ts';
import { RemoteStream } from './remote-stream.ts';

/** How many times what may wait for a client can be on its way to the process that holds its stream. */
const timesOnTheWay = 16;

/** A session whose stream may be at another process, and which may go on at another process. */
export class MovableSession extends SseSession implements KeptSession {
  readonly opener: string | undefined;
  /** Whether another process serves its client, and it only delivers what its last calls send. */
  hasMoved = false;
  declare protected readonly events: EventsOnTheWay;
  readonly #keeper: SessionKeeper | undefined;

  /** @param keeper undefined if sessions end with their streams, so that none is taken over */
  constructor(options: SseSessionOptions, shared: SharedByAll, keeper: SessionKeeper | undefined) {
    super(options, shared, new EventsOnTheWay(shared.storage));
    this.opener = options.caller?.id;
    this.#keeper = keeper;
  }

  get unanswered(): RequestId[] {
    return [...this.running.keys(), ...this.events.unwrittenReplies];
  }

  /** Ends its stream, so that its client reconnects to another process; what is sent until then waits. */
  letGo(): void {
    if (this.stream !== undefined && !this.hasMoved) this.endStream();
  }

  /** Has what its last calls send go to the session that goes on for it at another process. */
  moveTo(stream: RemoteStream, caller: Caller | undefined, lastEvent: number | undefined): void {
    this.hasMoved = true;
    this.switchTo(stream, caller, lastEvent);
  }

  /** Ends it if it has nothing left to deliver. */
  endIfDelivered(): void {
    if (!this.hasToDeliver) this.end('moved');
  }

  override receive(message: JSONRPCMessage, caller?: Caller, work?: Work): void {
    this.#keeper?.noteReceived(this, message);
    super.receive(message, caller, work);
  }

  override send(message: JSONRPCMessage): Promise<void> {
    const bytesBefore = this.events.bytes;
    const isRemote = this.stream instanceof RemoteStream && !this.stream.isOver;
    const sent = super.send(message);
    // As for a stream of this process, the message that is just being sent does not count.
    const bytesOfIt = this.events.bytes - bytesBefore;
    if (isRemote) this.keepWaiting(timesOnTheWay * this.shared.maxBufferedBytes + bytesOfIt);
    if (!('method' in message)) this.#keeper?.noteSent(this);
    return sent;
  }

  protected override switchTo(
    stream: Stream,
    caller: Caller | undefined,
    lastEvent: number | undefined,
  ): number {
    this.events.areRemote = stream instanceof RemoteStream;
    if (stream instanceof RemoteStream) stream.onacknowledged = (number) => this.#noteArrived(number);
    const sent = super.switchTo(stream, caller, lastEvent);
    this.#keeper?.noteSent(this);
    return sent;
  }

  protected override end(reason: string): void {
    if (this.closeReason === undefined) this.#keeper?.noteEnded(this, reason);
    super.end(reason);
  }

  #noteArrived(upTo: number): void {
    this.events.noteArrived(upTo);
    this.#keeper?.noteSent(this);
  }
}
