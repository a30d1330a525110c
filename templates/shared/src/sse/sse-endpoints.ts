import type { IncomingMessage } from 'node:http';
import { parse as parseQuery } from 'node:querystring';
import type { McpServer } from '@modelcontextprotocol/server';
import type { Caller } from '../auth/caller.ts';
import { HttpError } from '../http/errors.ts';
import type { Exchange } from '../http/exchange.ts';
import type { PacedWriterOptions } from '../http/paced-writer.ts';
import type { RateLimits } from '../http/rate-limits.ts';
import type { WorkLimits } from '../http/work-limits.ts';
import type { Log } from '../monitoring/log.ts';
import type { Metrics } from '../monitoring/metrics.ts';
import { handlersOf } from '../monitoring/running-handlers.ts';
import type { Relay, Wanted } from '../relay/relay.ts';
import { EventStream } from '../sessions/event-stream.ts';
import { isRequest } from '../sessions/json-rpc.ts';
import { type MessageLimits, readMessage } from '../sessions/read-message.ts';
import type { Session, SharedByAll } from '../sessions/session.ts';
import type { Sessions } from '../sessions/sessions.ts';
import { createQuestions, isAnswer, nameOf } from './questions.ts';
import { SseSession, type SseSessionOptions } from './sse-session.ts';

export interface SseEndpointOptions {
  /** Where messages are POSTed to, as clients see it: base path and message endpoint. */
  messageUrl: string;
  /** What one message may have. */
  messages: MessageLimits;
  workLimits: WorkLimits;
  delivery: PacedWriterOptions;
  createMcpServer: (caller: Caller | undefined) => McpServer;
  /** Makes a session. Defaults to a plain `SseSession`. */
  createSession?: (options: SseSessionOptions, shared: SharedByAll) => SseSession;
  /** Called once an MCP server is connected to its session. */
  onConnected?: (mcpServer: McpServer, session: SseSession) => void;
  /** Whether a session whose stream was cut waits for its client. */
  canWait: boolean;
  /** Questions to one client that may be open at once. */
  maxQuestions: number;
  limits: RateLimits;
  /** Without a relay there are no sessions in other processes. */
  relay?: Relay | undefined;
  log: Log;
  metrics: Metrics;
}

/** The query of the `endpoint` event, which clients nearly always send back as it is: parsing it would cost 5 % of a call. */
const queryAsGiven = /^sessionId=([\w.-]+)$/;

export type SseEndpoints = ReturnType<typeof createSseEndpoints>;

/** The two endpoints of MCP's HTTP+SSE transport: GET opens a session, POST brings it a message. */
export function createSseEndpoints(options: SseEndpointOptions, sessions: Sessions) {
  const { messageUrl, messages, workLimits, delivery, createMcpServer, onConnected, relay, log, metrics } =
    options;
  const { canWait, maxQuestions, limits } = options;
  const { createSession = (opening, shared) => new SseSession(opening, shared) } = options;
  const questions = createQuestions(sessions.newId);
  const { maxBufferedBytes } = delivery;
  const { storage, patience } = sessions;
  const sharedByAll = { canWait, patience, maxBufferedBytes, storage, log, metrics };

  /**
   * Opens a stream: that of a session which waits for its client, if the client shows which one is its own, else that of
   * a new session.
   *
   * @throws {HttpError} `server_full`, `too_many_sessions`
   */
  async function openStream(exchange: Exchange, caller: Caller | undefined): Promise<void> {
    const { request, response, address, headers } = exchange;
    const client = caller?.id ?? address;
    if (response.destroyed) return; // The client left while its credential was checked.
    const named = canWait ? eventNamedBy(request.headers['last-event-id'], caller) : undefined;
    const askForMs = named === undefined && canWait ? questionTime(request, client) : 0;
    const isNew = named === undefined && askForMs === 0;
    // A session that is taken over has its room already.
    if (isNew) sessions.requireRoomFor(client);

    // Made first: if that fails, the client can still be told.
    const mcpServer = isNew ? createMcpServer(caller) : undefined;

    const stream = new EventStream(response, headers, delivery);
    request.resume(); // A body means nothing here, but unread it would hide that the client leaves.
    const sessionId = askForMs > 0 ? await questions.ask(stream, client, askForMs) : named?.sessionId;
    if (response.destroyed) return;
    if (sessionId !== undefined) {
      const wanted = { sessionId, caller, client, stream, lastEvent: named?.number };
      if (relay ? await relay.takeOver(wanted) : resume(wanted)) return;
    }
    if (response.destroyed) return;
    if (askForMs > 0) {
      metrics.sessionAskedInVain();
      log.info({ client, answered: sessionId !== undefined }, 'client came back without a session');
    }
    if (!isNew) sessions.requireRoomFor(client);
    const mayBeOldSdk = isSilent(request);
    const opened = { sessionId: sessions.newId(), caller, client, stream, mayBeOldSdk };
    await openSession(mcpServer ?? createMcpServer(caller), opened);
  }

  /** A session of this transport. */
  function find(sessionId: string): SseSession | undefined {
    const session = sessions.get(sessionId);
    return session instanceof SseSession ? session : undefined;
  }

  /** The event that a client says it got last, if its session may be there. */
  function eventNamedBy(lastEventId: unknown, caller: Caller | undefined) {
    const [, sessionId, number] = /^([\w.-]+):(\d{1,15})$/.exec(String(lastEventId)) ?? [];
    if (sessionId === undefined) return undefined;
    const session = find(sessionId);
    const mayBe = session ? session.belongsTo(caller) : relay !== undefined;
    return mayBe ? { sessionId, number: Number(number) } : undefined;
  }

  /** Lets a session go on over a new stream. @returns false if this caller has no such session */
  function resume({ sessionId, caller, stream, lastEvent }: Wanted): boolean {
    const session = find(sessionId);
    if (!session?.belongsTo(caller)) return false;
    session.resume(stream, caller, lastEvent);
    return true;
  }

  async function openSession(
    mcpServer: McpServer,
    opened: Omit<SseSessionOptions, 'messageUrl' | 'handlers'>,
  ): Promise<void> {
    const ownUrl = `${messageUrl}?sessionId=${opened.sessionId}`;
    const handlers = handlersOf(mcpServer);
    const session = createSession({ ...opened, messageUrl: ownUrl, handlers }, sharedByAll);
    // What the SDK says after a colon may be the message that it could not use.
    mcpServer.server.onerror ??= ({ message }) =>
      log.warn({ client: opened.client, reason: message.split(':', 1)[0]?.slice(0, 200) }, 'session error');
    sessions.add(session);
    await mcpServer.connect(session);
    onConnected?.(mcpServer, session);
  }

  /**
   * Milliseconds in which a client may say which session is its own; 0 if it is not asked. SDK clients name their protocol
   * version when they reconnect, and only then; older ones are recognised as Node.js, and asked only if a session of theirs
   * has something for them. Others are not: Python's client would wait for ever.
   */
  function questionTime(request: IncomingMessage, client: string): number {
    if (questions.openFor(client) >= maxQuestions) return 0;
    if (isSilent(request)) return sessions.mayBeAwaited(client) ? 1000 : 0;
    const version = request.headers['mcp-protocol-version'];
    return version === undefined || version === '2024-11-05' ? 0 : 2000;
  }

  /** @throws {HttpError} `session_id_missing`, `session_not_found`, and those of the body and the relay */
  async function receiveMessage(exchange: Exchange, caller: Caller | undefined): Promise<void> {
    const client = caller?.id ?? exchange.address;
    const sessionId = idIn(exchange.query);
    if (sessionId === undefined) throw new HttpError('session_id_missing');
    const session = find(sessionId);
    const isOwn = session?.belongsTo(caller) === true;
    const mayBeRelayed = session === undefined && relay !== undefined;
    // The answer to a question may come to the URL of a session that is gone.
    if (!isOwn && !mayBeRelayed && !questions.isAsking(client)) throw new HttpError('session_not_found');

    const work = workLimits.begin(client);
    const { message, text, bytes } = await readMessage(exchange, messages, work);
    let isTaken = false;
    try {
      if (isAnswer(message)) isTaken = await (relay ?? questions).answer(nameOf(message), client, sessionId);
      if (!isTaken && !exchange.isCounted) limits.count(client);
      if (!isTaken && mayBeRelayed) isTaken = await relay.forward({ sessionId, caller, json: text });
      // While the body came, the session may have ended, or become another caller's.
      if (!isTaken && !(isOwn && session.closeReason === undefined && session.belongsTo(caller))) {
        throw new HttpError('session_not_found');
      }
      if (!isTaken && isRequest(message)) work.run();
    } catch (error) {
      work.end();
      throw error;
    }
    // The POST is over here, however long the tool runs: its reply comes on the stream.
    exchange.response.writeHead(202, { ...exchange.headers, 'Content-Length': 8 }).end('Accepted');
    metrics.messageReceived(bytes);
    if (isTaken) work.end();
    else session?.receive(message, caller, work);
  }

  /** The session that a query names. */
  function sessionOf(query: string): Session | undefined {
    return find(idIn(query) ?? '');
  }

  return {
    openStream,
    receiveMessage,
    sessionOf,
    /** Whether a message may answer a question, and so must not be refused for the rate limit yet. */
    mayBeAnswer: relay
      ? (client: string, query: string) => questions.isAsking(client) || sessionOf(query) === undefined
      : questions.isAsking,
    // What a relay needs, to do the same for other processes.
    resume,
    openSession,
    answer: questions.answer,
  };
}

/** Whether a client is an SDK that does not say whether it was here before: a new one, or one of version 1.12 or older. */
function isSilent({ headers }: IncomingMessage): boolean {
  return headers['user-agent'] === 'node' && headers['mcp-protocol-version'] === undefined;
}

function idIn(query: string): string | undefined {
  const sessionId = queryAsGiven.exec(query)?.[1] ?? parseQuery(query).sessionId;
  return typeof sessionId === 'string' && sessionId !== '' ? sessionId : undefined;
}
