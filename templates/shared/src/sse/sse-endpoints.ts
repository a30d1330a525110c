import type { IncomingMessage } from 'node:http';
import { parse as parseQuery } from 'node:querystring';
import type { JSONRPCMessage, McpServer } from '@modelcontextprotocol/server';
import type { Caller } from '../auth/caller.ts';
import { HttpError } from '../http/errors.ts';
import type { Exchange } from '../http/exchange.ts';
import type { PacedWriterOptions } from '../http/paced-writer.ts';
import type { RateLimits } from '../http/rate-limits.ts';
import type { Work, WorkLimits } from '../http/work-limits.ts';
import type { Log } from '../monitoring/log.ts';
import type { Metrics } from '../monitoring/metrics.ts';
import { handlersOf } from '../monitoring/running-handlers.ts';
import type { ForwardedMessage, Relay, Wanted } from '../relay/relay.ts';
import { EventStream } from '../sessions/event-stream.ts';
import { isRequest } from '../sessions/json-rpc.ts';
import { type MessageLimits, readMessage } from '../sessions/read-message.ts';
import type { Session } from '../sessions/session.ts';
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
  /** Called once an MCP server is connected to its session. */
  onConnected?: (mcpServer: McpServer, session: SseSession) => void;
  /** Whether a session whose stream was cut waits for its client. */
  canWait: boolean;
  /** Questions to one client that may be open at once. */
  maxQuestions: number;
  limits: RateLimits;
  /** Finds sessions in other processes, if there are any. */
  relay: Relay | undefined;
  log: Log;
  metrics: Metrics;
}

/** The query of the `endpoint` event, which clients nearly always send back as it is: parsing it would cost 5 % of a call. */
const queryAsGiven = /^sessionId=([\w.-]+)$/;

/** The two endpoints of MCP's HTTP+SSE transport: GET opens a session, POST brings it a message. */
export function createSseEndpoints(options: SseEndpointOptions, sessions: Sessions) {
  const { messageUrl, messages, workLimits, delivery, createMcpServer, onConnected, relay, log, metrics } =
    options;
  const { canWait, maxQuestions, limits } = options;
  const questions = createQuestions(sessions.newId);
  const { maxBufferedBytes } = delivery;
  const { storage, patience } = sessions;
  const keeper = canWait ? relay?.keeper : undefined;
  const sharedByAll = { canWait, patience, maxBufferedBytes, storage, keeper, log, metrics };

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
      if (await takeOver({ sessionId, caller, client, stream, lastEvent: named?.number })) return;
    }
    if (response.destroyed) return;
    if (askForMs > 0) {
      metrics.sessionAskedInVain();
      log.info({ client, answered: sessionId !== undefined }, 'client came back without a session');
    }
    if (!isNew) sessions.requireRoomFor(client);
    const mayBeOldSdk = isSilent(request);
    await openSession(mcpServer ?? createMcpServer(caller), { stream, client, caller, mayBeOldSdk });
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

  /**
   * Lets a session go on over a new stream: one of this process; one of another process, which then sends its events
   * here; or one whose process stops or is gone, which is made again here from what its client told.
   *
   * @returns false if there is no such session of this caller
   */
  async function takeOver(wanted: Wanted, newId = sessions.newId()): Promise<boolean> {
    const { sessionId, caller, client, stream, lastEvent } = wanted;
    const session = find(sessionId);
    if (session && !session.hasMoved) {
      if (!session.belongsTo(caller)) return false;
      session.resume(stream, caller, lastEvent);
      return true;
    }
    const found = canWait ? await relay?.find(wanted, newId) : undefined;
    if (relay === undefined || found === undefined || stream.isOver) return false;
    if (found.is === 'attached') return true;
    if (found.is === 'moved')
      return takeOver({ ...wanted, sessionId: found.sessionId, lastEvent: undefined });
    sessions.requireRoomFor(client);
    // Its client answered a question, unless it named an event.
    const mayBeOldSdk = lastEvent === undefined;
    await openSession(createMcpServer(caller), { stream, client, caller, mayBeOldSdk }, newId, found.connect);
    metrics.sessionMoved();
    await relay.follow(wanted, newId);
    return true;
  }

  async function openSession(
    mcpServer: McpServer,
    opened: Pick<SseSessionOptions, 'stream' | 'client' | 'caller' | 'mayBeOldSdk'>,
    sessionId = sessions.newId(),
    connect = (mcpServer: McpServer, session: SseSession) => mcpServer.connect(session),
  ): Promise<void> {
    const ownUrl = `${messageUrl}?sessionId=${sessionId}`;
    const handlers = handlersOf(mcpServer);
    const session = new SseSession({ ...opened, sessionId, messageUrl: ownUrl, handlers }, sharedByAll);
    // What the SDK says after a colon may be the message that it could not use.
    mcpServer.server.onerror ??= ({ message }) =>
      log.warn({ client: opened.client, reason: message.split(':', 1)[0]?.slice(0, 200) }, 'session error');
    sessions.add(session);
    await connect(mcpServer, session);
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
    const mayBeElsewhere = session === undefined && relay !== undefined;
    // The answer to a question may come to the URL of a session that is gone.
    if (!isOwn && !mayBeElsewhere && !questions.isAsking(client)) throw new HttpError('session_not_found');

    const work = workLimits.begin(client);
    const { message, text, bytes } = await readMessage(exchange, messages, work);
    let isTaken = false;
    try {
      if (isAnswer(message)) isTaken = await takeAnswer(nameOf(message), client, sessionId);
      if (!isTaken && !exchange.isCounted) limits.count(client);
      if (!isTaken && mayBeElsewhere) isTaken = await relay.forward({ sessionId, caller, json: text });
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

  /** Takes the answer to a question of this process or of another. */
  function takeAnswer(question: string, client: string, sessionId: string): boolean | Promise<boolean> {
    if (relay === undefined || question.startsWith(`${relay.nodeId}.`)) {
      return questions.answer(question, client, sessionId);
    }
    return relay.answer(question, client, sessionId);
  }

  /**
   * Takes a message that another process checked and forwarded; only this one knows whose session it is.
   *
   * @throws {HttpError} if there is no room for it at the moment
   */
  function receiveForwarded({ sessionId, caller, json }: ForwardedMessage): boolean {
    const session = find(sessionId);
    if (!session?.belongsTo(caller)) return false;
    const message: JSONRPCMessage = JSON.parse(json);
    let work: Work | undefined;
    try {
      work = workLimits.begin(session.client);
      work.hold(json.length);
      if (isRequest(message)) work.run();
      session.receive(message, caller, work);
    } catch (error) {
      work?.end();
      if (!(error instanceof HttpError)) throw error;
      // The other process has accepted it for this one, so that it is too much can only be said on the stream.
      if (isRequest(message)) session.refuse(message.id, error.message);
    }
    return true;
  }

  /** The session of this process that a query names. */
  function sessionOf(query: string): Session | undefined {
    return find(idIn(query) ?? '');
  }

  return {
    openStream,
    receiveMessage,
    sessionOf,
    /** Whether a message may be an answer, which no rate limits: this process asks its client, or another may. */
    mayBeAnswer:
      relay === undefined
        ? questions.isAsking
        : (client: string, query: string) => questions.isAsking(client) || sessionOf(query) === undefined,
    /** What other processes may ask of this one. */
    forOthers: {
      receive: receiveForwarded,
      answer: questions.answer,
      session: find,
      async takeOver(wanted: Wanted) {
        if (!(await takeOver(wanted))) wanted.stream.end(); // Its client comes back for a new session.
      },
    },
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
