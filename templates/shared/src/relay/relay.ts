import type { JSONRPCMessage, McpServer, RequestId, Transport } from '@modelcontextprotocol/server';
import type { Caller } from '../auth/caller.ts';
import type { Stream } from '../sessions/stream.ts';

/** What comes to one process for another; unless it says otherwise, the message of a client for its session there. */
export interface ForwardedMessage {
  /**
   * `answer`: of a client that is asked there which session is its own. `attach`: a stream for a session there.
   * `events`: what a session sends over a stream there, or to the session that goes on for it. `closed`: such a stream
   * is over. `former`: a message for the session before the one that goes on.
   */
  kind?: 'answer' | 'attach' | 'events' | 'closed' | 'former';
  /** The session or the stream that it is for, or the question; it begins with the id of the process. */
  sessionId: string;
  /** Who sent it; undefined where no credential is needed. */
  caller: Caller | undefined;
  /** The JSON-RPC message, as it came and after all checks; for other kinds, what they say. */
  json: string;
}

/** Something that a client told its session, and would not tell again. */
export interface ToldMessage {
  method: string;
  params?: Record<string, unknown> | undefined;
}

/** A session, as far as other processes need to know it. */
export interface KeptSession {
  readonly sessionId: string;
  /** The id of the caller who opened it. */
  readonly opener: string | undefined;
  /** Why it is over; undefined while it is open. */
  readonly closeReason: string | undefined;
  /** Whether another process serves its client. */
  readonly hasMoved: boolean;
  /** Since when it waits for its client to reconnect; undefined while it has a stream. */
  readonly waitingSince: number | undefined;
  /** The client's requests whose replies it has not got. */
  readonly unanswered: RequestId[];
}

/** Keeps what other processes need to take sessions over. */
export interface SessionKeeper {
  noteReceived(session: KeptSession, message: JSONRPCMessage): void;
  /** A reply was sent, or has arrived. */
  noteSent(session: KeptSession): void;
  noteEnded(session: KeptSession): void;
}

/** What this process does for others. */
export interface Here {
  /**
   * Gives a message to its session; false if this caller has no such session here.
   *
   * @throws {HttpError} if there is no room for it at the moment
   */
  receive(message: ForwardedMessage): boolean;

  /** Takes the answer to a question of this process. @returns false if nobody waits for it */
  answer(question: string, client: string, sessionId: string): boolean;

  /** The session with this id, if it can be given another stream. */
  session(sessionId: string): ResumableSession | undefined;

  /** Finds another session for a stream, whose own is gone with its process. */
  takeOver(wanted: Wanted): Promise<void>;

  /** Whether it stops, so that sessions should go on elsewhere. */
  readonly isClosing: boolean;
}

export interface ResumableSession extends KeptSession, Transport {
  readonly sessionId: string;
  hasMoved: boolean;
  belongsTo(caller: Caller | undefined): boolean;
  resume(stream: Stream, caller: Caller | undefined, lastEvent: number | undefined): void;
}

/** The session that a client names which came here, and the stream that it came with. */
export interface Wanted {
  sessionId: string;
  caller: Caller | undefined;
  client: string;
  stream: Stream;
  /** The number of the last event that the client got; undefined if it does not say. */
  lastEvent: number | undefined;
}

/** Where a session was found that is not in this process. */
export type Found =
  /** Its process sends its events over the stream now. */
  | { is: 'attached' }
  /** Its client has another session by now. */
  | { is: 'moved'; sessionId: string }
  /** Its process stops, or is gone: a session goes on here, when its MCP server is connected by this. */
  | { is: 'kept'; connect: (mcpServer: McpServer, session: ResumableSession) => Promise<void> };

/**
 * Connects the processes that share the load. A session lives in the process at which it began, but a load balancer
 * may bring its messages, and its client when that reconnects, to any. A server without a relay is a process of its own.
 */
export interface Relay {
  /** Names this process, and begins the ids of its sessions: letters, digits, `_` and `-`. */
  readonly nodeId: string;

  /** What keeps messages from being forwarded, for people to read; undefined if nothing does. */
  readonly problem: string | undefined;

  readonly keeper: SessionKeeper;

  /** Begins to do for other processes what they ask. */
  listen(here: Here): void;

  /**
   * Hands something to the process that its session's id names, or to which that session went.
   *
   * @returns whether it was taken; false also if there is no such session
   * @throws {HttpError} `relay_unavailable`
   */
  forward(message: ForwardedMessage): Promise<boolean>;

  /** Hands the answer to a question to the process that asked. @returns whether it was waiting for it */
  answer(question: string, client: string, sessionId: string): Promise<boolean>;

  /** Finds a session that is not in this process. @param newId names the stream, or the session that goes on here */
  find(wanted: Wanted, newId: string): Promise<Found | undefined>;

  /** Has the last messages of a session at another process sent to the one that goes on here. */
  follow(wanted: Wanted, newId: string): Promise<void>;

  /** Ends the streams that it holds for sessions of other processes: their clients come back elsewhere. */
  letGo(): void;

  /** Closes all connections, after what was sent last had a moment to leave. */
  close(): Promise<void>;
}
