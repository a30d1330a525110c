import {
  bearerAuthChallengeResponse,
  isInitializeRequest,
  type JSONRPCMessage,
  type McpServer,
  OAuthError,
  OAuthErrorCode,
  SUPPORTED_PROTOCOL_VERSIONS,
} from '@modelcontextprotocol/server';
import type { Caller } from '../auth/caller.ts';
import { HttpError } from '../http/errors.ts';
import type { Exchange } from '../http/exchange.ts';
import type { PacedWriterOptions } from '../http/paced-writer.ts';
import type { Work } from '../http/work-limits.ts';
import type { Log } from '../monitoring/log.ts';
import type { Metrics } from '../monitoring/metrics.ts';
import { handlersOf } from '../monitoring/running-handlers.ts';
import { EventStream } from '../sessions/event-stream.ts';
import { isRequest, requireMessage } from '../sessions/json-rpc.ts';
import type { Sessions } from '../sessions/sessions.ts';
import { acceptsEvents } from './body.ts';
import { HttpSession } from './http-session.ts';

export interface HttpSessionsOptions {
  /** Seconds for which a session goes on whose client neither sends anything nor has a stream open. */
  sessionIdleSeconds: number;
  /** Seconds for which a stream that was cut waits for its client; 0 for none. */
  resumeSeconds: number;
  delivery: PacedWriterOptions;
  createMcpServer: (caller: Caller | undefined) => McpServer;
  log: Log;
  metrics: Metrics;
}

/** The last version in which several messages could come in one array. */
const lastBatchVersion = '2025-03-26';

/**
 * The sessions of Streamable HTTP as the protocol versions of 2025 have them: begun by `initialize`, named by
 * `Mcp-Session-Id`.
 */
export function createHttpSessions(options: HttpSessionsOptions, sessions: Sessions) {
  const { resumeSeconds, delivery, createMcpServer, log, metrics } = options;
  const shared = {
    canWait: resumeSeconds > 0,
    patience: { ms: options.sessionIdleSeconds * 1000, reason: 'idle' as const },
    maxBufferedBytes: delivery.maxBufferedBytes,
    storage: sessions.storage,
    log,
    metrics,
  };
  /** The session that a request names. @throws {HttpError} `session_not_found` */
  function named(exchange: Exchange, caller: Caller | undefined): HttpSession | undefined {
    const id = exchange.request.headers['mcp-session-id'];
    if (id === undefined) return undefined;
    const session = sessions.get(String(id));
    if (!(session instanceof HttpSession && session.belongsTo(caller)))
      throw new HttpError('session_not_found');
    return session;
  }

  /** Whether a request is for a session with running calls, of whichever caller. */
  function runs({ request }: Exchange): boolean {
    const session = sessions.get(String(request.headers['mcp-session-id']));
    return session instanceof HttpSession && session.isRunning;
  }

  /**
   * Begins a session. @param work ends with the reply
   *
   * @throws {HttpError} `server_full`, `too_many_sessions`, `events_not_accepted`
   */
  async function open(
    exchange: Exchange,
    caller: Caller | undefined,
    message: JSONRPCMessage,
    work: Work,
  ): Promise<void> {
    const client = caller?.id ?? exchange.address;
    requireEventsAccepted(exchange);
    work.run();
    sessions.requireRoomFor(client);
    // Made first: if that fails, the client can still be told.
    const mcpServer = createMcpServer(caller);
    const handlers = handlersOf(mcpServer);
    const session = new HttpSession({ sessionId: sessions.newId(), caller, client, handlers }, shared);
    // What the SDK says after a colon may be the message that it could not use.
    mcpServer.server.onerror ??= ({ message }) =>
      log.warn({ client, reason: message.split(':', 1)[0]?.slice(0, 200) }, 'session error');
    sessions.add(session);
    await mcpServer.connect(session);
    session.answer([message], caller, responseOf(session, exchange), work);
  }

  /**
   * Hands a session what a POST brought. @param work ends with the last reply
   *
   * @throws {HttpError} `session_not_found`, `invalid_message`, `bad_request`, `insufficient_scope`
   */
  async function receive(
    session: HttpSession,
    exchange: Exchange,
    caller: Caller | undefined,
    json: unknown,
    work: Work,
  ): Promise<void> {
    requireVersion(exchange);
    const messages = messagesIn(json, session);
    const requests = messages.filter(isRequest);
    if (requests.some(isInitializeRequest)) throw new HttpError('already_initialized');
    if (requests.length > 0) requireEventsAccepted(exchange);
    for (const request of requests) {
      const challenge = await session.scopeChallenge?.({ request, ...authOf(caller) });
      if (challenge) throw insufficientScope(challenge, caller);
    }
    // While the body came, and scopes were looked at, the session may have ended, the client may have left or sent the
    // same request again.
    if (session.closeReason !== undefined) throw new HttpError('session_not_found');
    if (exchange.response.destroyed) throw new HttpError('body_cut_short');
    const ids = new Set(requests.map(({ id }) => id));
    if (ids.size < requests.length || requests.some(({ id }) => session.runs(id)))
      throw new HttpError('id_in_use');
    if (requests.length > 0) {
      work.run(requests.length);
      session.answer(messages, caller, responseOf(session, exchange), work);
      return;
    }
    exchange.response.writeHead(202, { ...exchange.headers, 'Content-Length': 0 }).end();
    work.end();
    session.receive(messages, caller);
  }

  /**
   * Opens the stream for what answers no request, or goes on with one that was cut off.
   *
   * @throws {HttpError} `method_not_allowed`, `session_not_found`, `events_not_accepted`, `event_not_found`
   */
  function openStream(exchange: Exchange, caller: Caller | undefined): void {
    const { request, response, headers } = exchange;
    const session = named(exchange, caller) ?? refuseMethod();
    requireVersion(exchange);
    requireEventsAccepted(exchange);
    const lastEventId = request.headers['last-event-id'];
    const place = lastEventId === undefined ? undefined : session.placeOf(String(lastEventId));
    if (lastEventId !== undefined && place === undefined) throw new HttpError('event_not_found');
    if (response.destroyed) return; // The client left while its credential was checked.
    request.resume(); // A body means nothing here, but unread it would hide that the client leaves.
    session.resume(
      place,
      caller,
      new EventStream(response, { ...headers, 'Mcp-Session-Id': session.sessionId }, delivery),
    );
  }

  /** Ends a session. @throws {HttpError} `method_not_allowed`, `session_not_found` */
  function end(exchange: Exchange, caller: Caller | undefined): void {
    const session = named(exchange, caller) ?? refuseMethod();
    requireVersion(exchange);
    session.close('client_left');
    exchange.request.resume();
    exchange.response.writeHead(204, exchange.headers).end();
  }

  function responseOf({ sessionId }: HttpSession, { response, headers }: Exchange): EventStream {
    return new EventStream(response, { ...headers, 'Mcp-Session-Id': sessionId }, delivery, false);
  }

  return { named, runs, open, receive, openStream, end };
}

/** Without a session, messages are all that this path takes. */
function refuseMethod(): never {
  throw new HttpError('method_not_allowed', { headers: { Allow: 'POST, OPTIONS' } });
}

/** https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#protocol-version-header */
function requireVersion({ request }: Exchange): void {
  const version = request.headers['mcp-protocol-version'];
  if (version !== undefined && !SUPPORTED_PROTOCOL_VERSIONS.includes(String(version))) {
    throw new HttpError('protocol_version_unknown');
  }
}

function requireEventsAccepted({ request }: Exchange): void {
  if (!acceptsEvents(request.headers.accept ?? '*/*')) throw new HttpError('events_not_accepted');
}

/** @throws {HttpError} `invalid_message` */
function messagesIn(json: unknown, { protocolVersion }: HttpSession): JSONRPCMessage[] {
  const isBatch = Array.isArray(json) && json.length > 0 && protocolVersion <= lastBatchVersion;
  // How large they are was looked at when the body was read.
  return (isBatch ? json : [json]).map((message) => requireMessage(message, { bytes: 0, values: 0 }, 0));
}

function authOf(caller: Caller | undefined) {
  return caller && { authInfo: caller.authInfo };
}

/** As the SDK says it to clients without a session. https://www.rfc-editor.org/rfc/rfc6750#section-3.1 */
function insufficientScope({ scopes }: { scopes: readonly string[] }, caller: Caller | undefined): HttpError {
  const error = new OAuthError(OAuthErrorCode.InsufficientScope, 'Insufficient scope');
  const { headers } = bearerAuthChallengeResponse(error, {
    requiredScopes: [...scopes],
    resourceMetadataUrl: caller?.authInfo.resourceMetadataUrl,
  });
  return new HttpError('insufficient_scope', {
    headers: { 'WWW-Authenticate': headers.get('WWW-Authenticate') ?? '' },
    reason: `needs ${scopes.join(' ')}`,
  });
}
