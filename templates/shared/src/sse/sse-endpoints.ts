import { parse as parseQuery } from 'node:querystring';
import type { JSONRPCMessage, McpServer } from '@modelcontextprotocol/server';
import type { Caller } from '../auth/caller.ts';
import { HttpError } from '../http/errors.ts';
import type { Exchange } from '../http/exchange.ts';
import type { PacedWriterOptions } from '../http/paced-writer.ts';
import type { WorkLimits } from '../http/work-limits.ts';
import type { Log } from '../monitoring/log.ts';
import type { Metrics } from '../monitoring/metrics.ts';
import type { ForwardedMessage, Relay } from '../relay/relay.ts';
import { type MessageLimits, readMessage } from '../sessions/read-message.ts';
import type { Session } from '../sessions/session.ts';
import type { Sessions } from '../sessions/sessions.ts';
import { EventStream } from './event-stream.ts';
import { SseSession } from './sse-session.ts';

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

  /** @throws {HttpError} `server_full`, `too_many_sessions` */
  async function openStream(
    { request, response, address, headers }: Exchange,
    caller: Caller | undefined,
  ): Promise<void> {
    const client = caller?.id ?? address;
    sessions.requireRoomFor(client);
    if (response.destroyed) return; // The client left while its credential was checked.
    const mcpServer = createMcpServer(caller);
    const sessionId = sessions.newId();
    const session = new SseSession({
      sessionId,
      caller,
      client,
      stream: new EventStream(response, headers, delivery),
      messageUrl: `${messageUrl}?sessionId=${sessionId}`,
      metrics,
    });
    // What the SDK says after a colon may be the message that it could not use.
    mcpServer.server.onerror ??= ({ message }) =>
      log.warn({ client, reason: message.split(':', 1)[0] }, 'session error');
    sessions.add(session);
    request.resume(); // A body means nothing here, but unread it would hide that the client leaves.
    await mcpServer.connect(session);
    onConnected?.(mcpServer, session);
  }

  /** @throws {HttpError} `session_id_missing`, `session_not_found`, and those of the body and the relay */
  async function receiveMessage(exchange: Exchange, caller: Caller | undefined): Promise<void> {
    const { response, address, query, headers } = exchange;
    const sessionId = idIn(query);
    if (sessionId === undefined) throw new HttpError('session_id_missing');
    const session = sessions.get(sessionId);
    if (session === undefined && relay) {
      return relay.forward(exchange, sessionId, caller, workLimits);
    }
    if (!session?.belongsTo(caller)) throw new HttpError('session_not_found');

    const work = workLimits.begin(caller?.id ?? address);
    const { message, bytes } = await readMessage(exchange, messages, work);
    try {
      // While the body came, the session may have ended, or become another caller's.
      if (session.closeReason !== undefined || !session.belongsTo(caller))
        throw new HttpError('session_not_found');
      if ('method' in message && 'id' in message) work.run();
    } catch (error) {
      work.end();
      throw error;
    }
    // The message is accepted, not yet handled: however long a tool runs, the POST is over.
    response.writeHead(202, { ...headers, 'Content-Length': 8 }).end('Accepted');
    metrics.messageReceived(bytes);
    session.receive(message, caller, work);
  }

  /** Takes a message that another process checked and forwarded; only this one knows whose session it is. */
  function receiveForwarded({ sessionId, caller, json }: ForwardedMessage): boolean {
    const session = sessions.get(sessionId);
    if (!session?.belongsTo(caller)) return false;
    const message: JSONRPCMessage = JSON.parse(json);
    const work = workLimits.begin(session.client);
    work.hold(json.length);
    if ('method' in message && 'id' in message) work.run();
    session.receive(message, caller, work);
    return true;
  }

  /** The session of this process that a query names. */
  function sessionOf(query: string): Session | undefined {
    return sessions.get(idIn(query) ?? '');
  }

  return { openStream, receiveMessage, receiveForwarded, sessionOf };
}

function idIn(query: string): string | undefined {
  const sessionId = queryAsGiven.exec(query)?.[1] ?? parseQuery(query).sessionId;
  return typeof sessionId === 'string' && sessionId !== '' ? sessionId : undefined;
}
