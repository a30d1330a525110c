import type { Log } from '../monitoring/log.js';
import type { Metrics } from '../monitoring/metrics.js';
import { HttpError } from './http-error.js';
import type { CloseReason, SseSession } from './sse-session.js';

export interface SessionsOptions {
  /** Sessions in all. */
  maxSessions: number;
  /** Sessions of one client: a caller, or an address where callers are not known. */
  maxSessionsPerClient: number;
  /** Seconds between two keep-alives of a session; 0 for none. */
  keepAliveSeconds: number;
  /** `comment`, which every client ignores, or `ping`, a JSON-RPC request that every client answers. */
  keepAliveMode: 'comment' | 'ping';
  log: Log;
  metrics: Metrics;
}

/** Milliseconds between two rounds over the open sessions. */
const roundMs = 250;

export type Sessions = ReturnType<typeof createSessions>;

/** The open sessions: how many there may be, keeping them alive, ending those whose credential expired. */
export function createSessions(options: SessionsOptions) {
  const { maxSessions, maxSessionsPerClient, keepAliveMode, log, metrics } = options;
  const keepAliveMs = options.keepAliveSeconds > 0 ? options.keepAliveSeconds * 1000 : Infinity;
  const byId = new Map<string, SseSession>();
  const perClient = new Map<string, number>();

  // One timer for all sessions, however many there are.
  const timer = setInterval(visitAll, roundMs).unref();

  function visitAll(): void {
    const now = Date.now();
    for (const session of byId.values()) {
      if (now >= session.expiresAt * 1000) {
        session.close('credential_expired');
      } else if (now >= session.keepAliveAt) {
        // In step with its own beginning: after a pause all are due at once, and must not stay together.
        session.keepAliveAt += keepAliveMs * Math.ceil((now - session.keepAliveAt + 1) / keepAliveMs);
        session.keepAlive(keepAliveMode);
      }
    }
  }

  /** @throws {HttpError} `server_full` */
  function requireRoom(): void {
    if (byId.size >= maxSessions) {
      throw new HttpError('server_full', 'The server has no room for another session', {
        'Retry-After': '10',
      });
    }
  }

  /** @throws {HttpError} `server_full`, `too_many_sessions` */
  function requireRoomFor(client: string): void {
    requireRoom(); // Others may have come while the credential was checked.
    if ((perClient.get(client) ?? 0) >= maxSessionsPerClient) {
      const message = `A client may have ${maxSessionsPerClient} sessions open at once`;
      throw new HttpError('too_many_sessions', message, { 'Retry-After': '10' });
    }
  }

  /** Keeps the session until it closes. To be called before an MCP server connects to it. */
  function add(session: SseSession): void {
    const { client } = session;
    byId.set(session.sessionId, session);
    // Sessions that open together (after a restart, all of them) must not be written to together.
    session.keepAliveAt = Date.now() + keepAliveMs * Math.random();
    perClient.set(client, (perClient.get(client) ?? 0) + 1);
    metrics.sessionOpened();
    log.info({ session: logId(session), client }, 'session opened');
    session.onclose = () => remove(session);
  }

  function remove(session: SseSession): void {
    const { client } = session;
    byId.delete(session.sessionId);
    const left = (perClient.get(client) ?? 1) - 1;
    if (left > 0) perClient.set(client, left);
    else perClient.delete(client);

    const reason = session.closeReason as CloseReason; // It has one before it says that it is closed.
    metrics.sessionClosed(reason);
    log.info(
      {
        session: logId(session),
        client,
        reason,
        seconds: Math.round((Date.now() - session.openedAt) / 1000),
        received: session.messagesReceived,
        sent: session.messagesSent,
      },
      'session closed',
    );
  }

  /** Ends every session: idle ones at once, the others as soon as their calls are answered or time is up. */
  async function closeAll(graceMs: number): Promise<void> {
    let timeUp: NodeJS.Timeout | undefined;
    const deadline = new Promise<void>((resolve) => {
      timeUp = setTimeout(resolve, graceMs);
    });
    const all = [...byId.values()];
    await Promise.all(
      all.map(async (session) => {
        await Promise.race([session.idle(), deadline]);
        await session.close('shutdown');
      }),
    );
    clearTimeout(timeUp);
    clearInterval(timer);
  }

  return {
    get: (id: string) => byId.get(id),
    get size() {
      return byId.size;
    },
    add,
    requireRoom,
    requireRoomFor,
    closeAll,
  };
}

/** Enough of a session's id to follow it through a log; the whole id would let a reader of the log use it. */
function logId({ sessionId }: SseSession): string {
  return sessionId.slice(0, sessionId.indexOf('.') + 9); // With a relay the name of the process comes first.
}
