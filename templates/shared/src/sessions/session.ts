import type { Caller } from '../auth/caller.ts';
import type { WriteFailure } from '../http/paced-writer.ts';
import type { Log } from '../monitoring/log.ts';
import type { Metrics } from '../monitoring/metrics.ts';
import type { EventStorage } from './event-log.ts';

export type CloseReason =
  | WriteFailure
  | 'credential_expired'
  | 'credential_revoked'
  | 'client_left'
  | 'idle'
  | 'moved'
  | 'ping_unanswered'
  | 'server_closed'
  | 'shutdown';

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
  /** Whether another process serves its client, and it only delivers what its last calls send. */
  readonly hasMoved?: boolean;
  /** Why it is over; undefined while it is open. */
  readonly closeReason: CloseReason | undefined;
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

  /** Ends its stream, so that its client reconnects to another process; what is sent until then waits. */
  letGo?(): void;

  /** Forgets what was sent before a time, in milliseconds of the monotonic clock. */
  forgetBefore(at: number): void;

  close(reason: CloseReason): Promise<void>;
}
