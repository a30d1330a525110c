import type { Caller } from '../auth/caller.ts';
import type { Stream } from '../sessions/stream.ts';

/** A client's message for a session that is not in this process. */
export interface ClientMessage {
  sessionId: string;
  /** Who sent it; undefined where no credential is needed. */
  caller: Caller | undefined;
  /** The JSON-RPC message, as it came and after all checks. */
  json: string;
}

/** The session that a client names when it reconnects, and the stream that it came with. */
export interface Wanted {
  sessionId: string;
  caller: Caller | undefined;
  client: string;
  stream: Stream;
  /** The number of the last event that the client got; undefined if it does not say. */
  lastEvent: number | undefined;
}

/**
 * Reaches the sessions of other processes that share the load: a load balancer may bring their messages, and their
 * clients when they reconnect, to any process. A server without a relay is a process of its own.
 */
export interface Relay {
  /** What keeps messages from being forwarded, for people to read; undefined if nothing does. */
  readonly problem: string | undefined;

  /** Its part of the page that Prometheus scrapes. */
  metrics(): string;

  /**
   * Hands a message to the session's process.
   *
   * @returns whether it was taken; false also if there is no such session
   * @throws {HttpError} `relay_unavailable`
   */
  forward(message: ClientMessage): Promise<boolean>;

  /** Takes the answer to a question of this process or of another. @returns false if no process waits for it */
  answer(question: string, client: string, sessionId: string): boolean | Promise<boolean>;

  /** Lets a session go on over a new stream, in whichever process it is. @returns false if this caller has none */
  takeOver(wanted: Wanted): Promise<boolean>;
}
