import { parse as parseQuery } from 'node:querystring';
import type { McpServer } from '@modelcontextprotocol/server';
import type { Caller } from '../auth/authenticate.js';
import type { Log } from '../monitoring/log.js';
import type { Metrics } from '../monitoring/metrics.js';
import { EventStream } from './event-stream.js';
import type { Exchange } from './exchange.js';
import { HttpError } from './http-error.js';
import { requireMessage } from './json-rpc.js';
import type { PacedWriterOptions } from './paced-writer.js';
import { type ForwardedMessage, newSessionId, otherNode, type Relay } from './relay.js';
import { readJsonBody } from './request-body.js';
import type { Sessions } from './sessions.js';
import { SseSession } from './sse-session.js';

export interface SseEndpointOptions extends PacedWriterOptions {
  /** Where messages are POSTed to as clients see it: base path and message endpoint. */
  messageUrl: string;
  /** Bytes that one message may have. */
  maxMessageSize: number;
  /** Brings messages to sessions in other processes. */
  relay: Relay;
  createMcpServer: () => McpServer;
  log: Log;
  metrics: Metrics;
}

/** The query of the `endpoint` event, which clients nearly always send back as it is: parsing it would cost 5 % of a call. */
const queryAsGiven = /^sessionId=([\w.-]+)$/;

/** The two endpoints of MCP's HTTP+SSE transport: GET opens a session, POST brings it a message. */
export function createSseEndpoints(options: SseEndpointOptions, sessions: Sessions) {
  const { messageUrl, maxMessageSize, relay, createMcpServer, log, metrics } = options;

  /** @throws {HttpError} `server_full`, `too_many_sessions` */
  async function openSession(
    { request, response, address, headers }: Exchange,
    caller: Caller | undefined,
  ): Promise<void> {
    const client = caller?.id ?? address;
    sessions.requireRoomFor(client);
    if (response.destroyed) return; // The client left while its credential was checked.
    const mcpServer = createMcpServer();
    const sessionId = newSessionId(relay);
    const session = new SseSession({
      sessionId,
      caller,
      client,
      stream: new EventStream(response, headers, options),
      messageUrl: `${messageUrl}?sessionId=${sessionId}`,
      metrics,
    });
    // What the SDK says after a colon can be the message that it could not use.
    mcpServer.server.onerror ??= ({ message }) =>
      log.warn({ client, reason: message.split(':', 1)[0] }, 'session error');
    sessions.add(session);
    request.resume(); // A body means nothing here, but unread it would hide that the client leaves.
    await mcpServer.connect(session);
  }

  /** @throws {HttpError} `session_id_missing`, `session_not_found`, and those of the body */
  async function receiveMessage(exchange: Exchange, caller: Caller | undefined): Promise<void> {
    const { response, query, headers } = exchange;
    const sessionId = queryAsGiven.exec(query)?.[1] ?? parseQuery(query).sessionId;
    if (typeof sessionId !== 'string' || sessionId === '') {
      throw new HttpError('session_id_missing', 'The query must have one sessionId');
    }
    const nodeId = otherNode(sessionId, relay);
    if (nodeId !== undefined) {
      await forwardMessage(nodeId, sessionId, exchange, caller);
      return;
    }
    const session = sessions.get(sessionId);
    if (session === undefined || !session.belongsTo(caller)) throw sessionNotFound();

    const { json, bytes } = await readJsonBody(exchange, maxMessageSize);
    const message = requireMessage(json);
    // It may have ended, or become somebody's, while the body came.
    if (session.closeReason !== undefined || !session.belongsTo(caller)) throw sessionNotFound();

    // The message is accepted, not yet handled: however long a tool runs, the POST is over.
    response.writeHead(202, { ...headers, 'Content-Length': 8 }).end('Accepted');
    metrics.messageReceived(bytes);
    session.receive(message, caller);
  }

  /** For a session in another process: accepted as soon as that one took it. @throws {HttpError} `relay_unavailable` */
  async function forwardMessage(
    nodeId: string,
    sessionId: string,
    exchange: Exchange,
    caller: Caller | undefined,
  ): Promise<void> {
    const { json, text, bytes } = await readJsonBody(exchange, maxMessageSize);
    requireMessage(json);
    if (!(await relay.forward(nodeId, { sessionId, caller, json: text }))) throw sessionNotFound();
    exchange.response.writeHead(202, { ...exchange.headers, 'Content-Length': 8 }).end('Accepted');
    metrics.messageReceived(bytes);
  }

  /** Takes what another process checked and forwarded here; whose session it is is for this one to say. */
  function receiveForwarded({ sessionId, caller, json }: ForwardedMessage): boolean {
    const session = sessions.get(sessionId);
    if (session === undefined || !session.belongsTo(caller)) return false;
    session.receive(JSON.parse(json), caller);
    return true;
  }

  /**
   * Clients that know both transports POST here first. A 405 that is not JSON tells them to GET instead.
   * https://modelcontextprotocol.io/specification/2025-06-18/basic/transports#backwards-compatibility
   */
  function answerProbe({ response, headers }: Exchange): void {
    metrics.requestRejected(405);
    const body = 'This is an SSE endpoint: open it with GET\n';
    const own = { Allow: 'GET, OPTIONS', 'Content-Type': 'text/plain', 'Content-Length': body.length };
    response.writeHead(405, { ...headers, ...own }).end(body);
  }

  return { openSession, receiveMessage, receiveForwarded, answerProbe };
}

/** The same for a session that never was, is over, or is somebody else's: ids cannot be tried out. */
function sessionNotFound(): HttpError {
  return new HttpError('session_not_found', 'There is no such session');
}
