import type { Caller } from '../auth/caller.ts';
import type { Exchange } from '../http/exchange.ts';
import type { WorkLimits } from '../http/work-limits.ts';

/** A message that came to one process, for a session that lives in another. */
export interface ForwardedMessage {
  sessionId: string;
  /** Who sent it; undefined where no credential is needed. */
  caller: Caller | undefined;
  /** The JSON-RPC message, as it came and after all checks. */
  json: string;
}

/**
 * Gives a message to its session in this process; false if this caller has no such session here.
 *
 * @throws {HttpError} if there is no room for it at the moment
 */
export type Receive = (message: ForwardedMessage) => boolean;

/**
 * Connects the processes that share the load. A session lives in the process that holds its stream, but a load balancer
 * may bring its messages to any. A server without a relay is a process of its own.
 */
export interface Relay {
  /** Names this process, and begins the ids of its sessions: letters, digits, `_` and `-`. */
  readonly nodeId: string;

  /** What keeps messages from being forwarded, for people to read; undefined if nothing does. */
  readonly problem: string | undefined;

  /** Starts to hand `receive` what other processes forward to this one. */
  listen(receive: Receive): void;

  /**
   * Answers the POST of a message whose session is not in this process.
   *
   * @param workLimits what the message counts towards
   * @throws {HttpError} `session_not_found`, `relay_unavailable`, and those of the body
   */
  forward(
    exchange: Exchange,
    sessionId: string,
    caller: Caller | undefined,
    workLimits: WorkLimits,
  ): Promise<void>;

  /** Closes all connections. */
  close(): void;
}
