import { randomBytes } from 'node:crypto';
import { getHeapStatistics } from 'node:v8';
import { HttpError } from '../http/errors.ts';
import type { Log } from '../monitoring/log.ts';
import type { Metrics } from '../monitoring/metrics.ts';
import { Tally } from '../monitoring/tally.ts';
import type { Session } from './session.ts';

export interface SessionsOptions {
  /** Sessions in all. */
  maxSessions: number;
  /** Sessions of one client: a caller, or an address where callers are not known. */
  maxSessionsPerClient: number;
  /** Seconds between two keep-alives of a session; 0 for none. */
  keepAliveSeconds: number;
  /** `comment`, which every client ignores, or `ping`, a JSON-RPC request that every client answers. */
  keepAliveMode: 'comment' | 'ping';
  /** Seconds for which a session waits for its client after its stream was cut; 0 for none. */
  resumeSeconds: number;
  /** Makes the id of a session. Defaults to `randomId`. */
  newId?: () => string;
  log: Log;
  metrics: Metrics;
}

/** Milliseconds between two sweeps over the open sessions. */
const sweepMs = 250;

/** Milliseconds within which clients reconnect: SDK clients and browsers do after 3 s. */
export const longestReconnectMs = 5000;

export type Sessions = ReturnType<typeof createSessions>;

/** The open sessions: how many there may be, keeping them alive, ending those whose credential expired. */
export function createSessions(options: SessionsOptions) {
  const { maxSessions, maxSessionsPerClient, keepAliveMode, newId = randomId, log, metrics } = options;
  const resumeMs = options.resumeSeconds * 1000;
  const keepAliveMs = options.keepAliveSeconds > 0 ? options.keepAliveSeconds * 1000 : Infinity;
  const byId = new Map<string, OpenSession>();
  const perClient = new Tally();

  // One timer for all sessions, however many there are.
  const timer = setInterval(sweep, sweepMs).unref();

  function sweep(): void {
    const now = performance.now();
    const expired = Date.now() / 1000;
    storage.now = now;
    for (const open of byId.values()) {
      open.session.forgetBefore(now - resumeMs);
      const { waitingSince, patience } = open.session;
      if (waitingSince !== undefined) {
        // Its credential may expire meanwhile: only one that is good takes it over.
        if (now - waitingSince >= patience.ms) open.session.close(patience.reason);
        continue;
      }
      if (expired >= open.session.expiresAt) {
        open.session.expire();
      } else if (now >= open.keepAliveAt) {
        // Each keeps its own beat: after a pause all are due at once, and must not stay together.
        open.keepAliveAt += keepAliveMs * Math.ceil((now - open.keepAliveAt + 1) / keepAliveMs);
        open.session.keepAlive(keepAliveMode);
      }
    }
  }

  /** What all sessions keep for clients that reconnect: a sixteenth of the heap at most. */
  const storage = {
    bytes: 0,
    maxBytes: getHeapStatistics().heap_size_limit / 16,
    now: performance.now(),
    makeRoom: endLargestWaiting,
  };

  /** The sessions that wait for their clients; only those of one client if it is given. */
  function* waitingSessions(client?: string): Generator<Session, void> {
    for (const { session } of byId.values()) {
      const isAsked = client === undefined || session.client === client;
      if (isAsked && session.waitingSince !== undefined) yield session;
    }
  }

  /**
   * Ends the session that has waited for longest for its client, to make room: one that has nothing to deliver if there is
   * one. @returns false if none waits
   */
  function giveUpWaiting(client?: string): boolean {
    let found: Session | undefined;
    for (const session of waitingSessions(client))
      if (!found || isLessMissed(session, found)) found = session;
    found?.close(found.patience.reason);
    return found !== undefined;
  }

  /** Ends the session for which most waits, until all that waits has room again. */
  function endLargestWaiting(): void {
    while (storage.bytes > storage.maxBytes) {
      let largest: Session | undefined;
      for (const session of waitingSessions())
        if (!largest || session.storedBytes > largest.storedBytes) largest = session;
      if (!largest) return;
      largest.close('reader_too_slow');
    }
  }

  /** @throws {HttpError} `server_full` */
  function requireRoom(): void {
    const isFull = byId.size >= maxSessions;
    if (isFull && waitingSessions().next().done) throw new HttpError('server_full');
  }

  /** @throws {HttpError} `server_full`, `too_many_sessions` */
  function requireRoomFor(client: string): void {
    // Others may have come while the credential was checked.
    if (byId.size >= maxSessions && !giveUpWaiting()) throw new HttpError('server_full');
    if ((perClient.get(client) ?? 0) >= maxSessionsPerClient && !giveUpWaiting(client)) {
      throw new HttpError('too_many_sessions', { limit: maxSessionsPerClient });
    }
  }

  /** Keeps the session until it closes. Call it before an MCP server connects to it. */
  function add(session: Session): void {
    const { sessionId, client, transport } = session;
    const openedAt = performance.now();
    // Sessions that open together (after a restart, all of them) must not be written to together.
    byId.set(sessionId, { session, openedAt, keepAliveAt: openedAt + keepAliveMs * Math.random() });
    perClient.add(client);
    metrics.sessionOpened();
    log.info({ session: logId(session), client, transport }, 'session opened');
    session.onclose = () => remove(session, openedAt);
  }

  function remove(session: Session, openedAt: number): void {
    const { client } = session;
    byId.delete(session.sessionId);
    perClient.remove(client);

    const reason = session.closeReason as string; // It is set before the session says that it is closed.
    metrics.sessionClosed(reason);
    log.info(
      {
        session: logId(session),
        client,
        reason,
        seconds: Math.round((performance.now() - openedAt) / 1000),
        received: session.messagesReceived,
        sent: session.messagesSent,
      },
      'session closed',
    );
  }

  /** The open sessions. */
  function all(): Session[] {
    return [...byId.values()].map(({ session }) => session);
  }

  /** Ends the sessions of one client. */
  function closeAllOf(client: string): void {
    for (const { session } of byId.values())
      if (session.client === client) session.close('credential_revoked');
  }

  /**
   * Ends every session once its calls are answered or time is up. Clients come back at once when their stream ends, so
   * idle ones too are kept until the last call is over.
   *
   * @param otherCalls resolves once no call runs outside of sessions
   */
  async function closeAll(graceMs: number, otherCalls?: Promise<void>): Promise<void> {
    let timeUp: NodeJS.Timeout | undefined;
    const deadline = new Promise<void>((resolve) => {
      timeUp = setTimeout(resolve, graceMs);
    });
    const open = all();
    const calls = Promise.all([...open.map((session) => session.idle()), otherCalls]);
    await Promise.all(
      open.map(async (session) => {
        await Promise.race([calls, deadline]);
        await session.close('shutdown');
      }),
    );
    clearTimeout(timeUp);
    clearInterval(timer);
  }

  return {
    get: (id: string) => byId.get(id)?.session,
    get size() {
      return byId.size;
    },
    newId,
    storage,
    /** How long a session waits whose only stream was cut. */
    patience: { ms: resumeMs, reason: 'client_gone' } as Session['patience'],
    /** How many sessions wait for their clients. */
    get waiting() {
      return [...waitingSessions()].length;
    },
    /** Whether a new stream of this client may be that of a session which has something for it. */
    mayBeAwaited(client: string): boolean {
      for (const { session } of byId.values())
        if (session.client === client && session.mayReturnUnannounced) return true;
      return false;
    },
    all,
    add,
    requireRoom,
    requireRoomFor,
    closeAll,
    closeAllOf,
  };
}

/** 128 random bits, as short as a URL and the id of each event allow. */
export function randomId(): string {
  return randomBytes(16).toString('base64url');
}

/** Whether of two sessions that wait for their clients the first one should end before the other. */
function isLessMissed(one: Session, other: Session): boolean {
  if (one.hasToDeliver !== other.hasToDeliver) return other.hasToDeliver;
  return (one.waitingSince ?? Infinity) < (other.waitingSince ?? Infinity);
}

interface OpenSession {
  readonly session: Session;
  /** Both in milliseconds of the monotonic clock. */
  readonly openedAt: number;
  keepAliveAt: number;
}

/** Enough of a session's id to follow it through a log; anyone who reads the whole id could use it. */
export function logId({ sessionId }: Pick<Session, 'sessionId'>): string {
  return sessionId.slice(0, -14); // 84 bits are left to guess.
}
