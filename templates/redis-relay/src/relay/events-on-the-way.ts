import type { JSONRPCMessage, RequestId } from '@modelcontextprotocol/server';
import { EventLog, type StoredEvent } from '../sessions/event-log.ts';

/** The last events of a session. What goes to a stream at another process counts as written once it has arrived. */
export class EventsOnTheWay extends EventLog {
  /** Whether the stream is at another process. */
  areRemote = false;

  /** The ids of requests whose replies wait, or are on their way. */
  get unwrittenReplies(): RequestId[] {
    if (!this.hasUnwritten) return [];
    const replies = this.unwritten().filter(({ isReply }) => isReply);
    return replies.map(({ json }) => JSON.parse(json).id);
  }

  override add(message: JSONRPCMessage, json: string, isWritten: boolean, at: number): number {
    return super.add(message, json, isWritten && !this.areRemote, at);
  }

  override noteWritten(events: StoredEvent[]): void {
    if (!this.areRemote) super.noteWritten(events);
  }

  /** All up to an event has arrived. */
  noteArrived(upTo: number): void {
    super.noteWritten(this.unwritten().filter(({ number }) => number <= upTo));
  }
}
