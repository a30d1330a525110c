import type { ClientMessage } from './relay.ts';

/** What comes to one process for another; unless it says otherwise, the message of a client for its session there. */
export interface ForwardedMessage extends ClientMessage {
  /**
   * `answer`: of a client that is asked there which session is its own. `attach`: a stream for a session there.
   * `events`: what a session sends over a stream there, or to the session that goes on for it. `closed`: such a stream
   * is over. `former`: a message for the session before the one that goes on.
   *
   * For these, `sessionId` names the session, the stream or the question, and `json` is what they say.
   */
  kind?: 'answer' | 'attach' | 'events' | 'closed' | 'former';
}

/** Takes what another process sent; false if it is for nobody here. @throws {HttpError} if there is no room for it */
export type Receive = (message: ForwardedMessage) => boolean;

/** Carries messages between processes: what another relay than Redis has to implement. */
export interface Channel {
  readonly nodeId: string;
  readonly problem: string | undefined;
  listen(receive: Receive): void;

  /**
   * Hands a message to another process.
   *
   * @returns whether it took the message; false also if there is no such process
   * @throws {HttpError} `relay_unavailable` if that is not known in time
   */
  forward(nodeId: string, message: ForwardedMessage): Promise<boolean>;

  close(): void;
}

/** The process that an id begins with; empty if it names none. */
export function nodeOf(id: string): string {
  return id.slice(0, Math.max(0, id.indexOf('.')));
}
