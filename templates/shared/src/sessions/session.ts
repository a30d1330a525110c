import type { JSONRPCMessage, RequestId } from '@modelcontextprotocol/server';
import type { Caller } from '../auth/caller.ts';
import type { WriteFailure } from '../http/paced-writer.ts';
import type { Log } from '../monitoring/log.ts';
import type { Metrics } from '../monitoring/metrics.ts';
import type { EventStorage } from './event-log.ts';
import { errorReply } from './json-rpc.ts';

export type CloseReason =
  | WriteFailure
  | 'credential_expired'
  | 'credential_revoked'
  | 'client_left'
  | 'idle'
  | 'ping_unanswered'
  | 'server_closed'
  | 'shutdown';

/** What a call is told whose session ends before its reply. */
const lostCall: Partial<Record<CloseReason, string>> = {
  shutdown: 'The server stopped before the call ended',
  credential_expired: 'The credential expired before the call ended',
};

/** The reply to a call that still runs when its session ends. */
export function replyToLostCall(id: RequestId, reason: CloseReason): JSONRPCMessage {
  return errorReply(id, lostCall[reason] ?? 'The session was closed before the call ended', -32000);
}

/** What the sessions of one transport have in common. */
export interface SharedByAll {
  /** Whether a stream that was cut waits for its client. */
  canWait: boolean;
  patience: Session['patience'];
  /** Bytes that may wait for a client to reconnect. */
  maxBufferedBytes: number;
  storage: EventStorage;
  log: Log;
  metrics: Metrics;
}

/** One client's session, as far as the others concern it: its limits, its owner and its end. */
export interface Session {
  readonly transport: 'sse' | 'streamable-http';
  readonly sessionId: string;
  /** Whose limits it counts against: the caller's id, or the address where no caller is known. */
  readonly client: string;
  /** Seconds since the epoch at which the last good credential ends. */
  readonly expiresAt: number;
  /** Since when it waits for its client, in milliseconds of the monotonic clock; undefined while it has a stream. */
  readonly waitingSince: number | undefined;
  /** How many milliseconds it waits at most, and why it is over then. */
  readonly patience: { readonly ms: number; readonly reason: CloseReason };
  /** Whether something waits to be sent, or will: a call runs. */
  readonly hasToDeliver: boolean;
  /** Bytes of the messages that it keeps. */
  readonly storedBytes: number;
  /** Whether its client may come back for something without saying that it was here before. */
  readonly mayReturnUnannounced?: boolean;
  /** Why it is over; undefined while it is open. */
  readonly closeReason: string | undefined;
  readonly messagesReceived: number;
  readonly messagesSent: number;
  onclose?: (() => void) | undefined;

  /** Whether this caller may use it. */
  belongsTo(caller: Caller | undefined): boolean;

  /** Whether a request of the client has no reply yet. */
  readonly isRunning: boolean;

  /** Shows the client, and every proxy on the way, that the connection is alive. */
  keepAlive(mode: 'comment' | 'ping'): void;

  /** Resolves once every request of the client has its reply. */
  idle(): Promise<void>;

  /** The credential of its streams expired, and the client has sent no newer one. */
  expire(): void;

  /** Forgets what was sent before a time, in milliseconds of the monotonic clock. */
  forgetBefore(at: number): void;

  close(reason: CloseReason): Promise<void>;
}
