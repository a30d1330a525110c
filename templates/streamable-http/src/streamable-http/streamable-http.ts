import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  type AuthInfo,
  classifyInboundRequest,
  createMcpHandler,
  isInitializeRequest,
  type JSONRPCRequest,
  type McpRequestContext,
  type McpServer,
  type ServerEventBus,
} from '@modelcontextprotocol/server';
import { type Caller, ownAuthInfo } from '../auth/caller.ts';
import { HttpError } from '../http/errors.ts';
import type { Exchange } from '../http/exchange.ts';
import { PacedWriter, type PacedWriterOptions } from '../http/paced-writer.ts';
import type { RateLimits } from '../http/rate-limits.ts';
import type { Work, WorkLimits } from '../http/work-limits.ts';
import type { Log } from '../monitoring/log.ts';
import type { Metrics } from '../monitoring/metrics.ts';
import { requestId } from '../monitoring/request-id.ts';
import { handlersOf, settled } from '../monitoring/running-handlers.ts';
import { Tally } from '../monitoring/tally.ts';
import { toSendable, withoutLineBreaks } from '../sessions/json-rpc.ts';
import type { MessageLimits } from '../sessions/read-message.ts';
import { replyToLostCall } from '../sessions/session.ts';
import type { Sessions } from '../sessions/sessions.ts';
import { acceptsEvents, methodOf, readBody, requestIds } from './body.ts';
import { createHttpSessions } from './http-sessions.ts';

export interface StreamableHttpOptions {
  /** What one message may have. */
  messages: MessageLimits;
  workLimits: WorkLimits;
  delivery: PacedWriterOptions;
  /** Makes the MCP server of each session, and of each request without one. */
  createMcpServer: (caller: Caller | undefined) => McpServer;
  /** Whether clients of 2025 get sessions. */
  sessions: 'on' | 'off';
  /** Seconds for which a session goes on whose client neither sends anything nor has a stream open. */
  sessionIdleSeconds: number;
  /** Seconds for which a stream that was cut waits for its client; 0 for none. */
  resumeSeconds: number;
  /** Subscriptions open at once, in all. */
  maxSessions: number;
  /** Subscriptions open at once of one client. */
  maxSessionsPerClient: number;
  /** Seconds between two keep-alives of a stream; 0 for none. */
  keepAliveSeconds: number;
  /**
   * Where your code announces that a list or a resource changed, for clients that subscribed to it.
   * Defaults to a bus of its own, on which nothing is announced.
   */
  changes: ServerEventBus | undefined;
  limits: RateLimits;
  log: Log;
  metrics: Metrics;
}

/** The longest time that a Node timer can wait, in milliseconds. */
const longestTimeout = 2 ** 31 - 1;

/**
 * MCP's newer transport, for clients that no longer speak SSE. Clients of 2025 begin a session with `initialize`. Requests
 * without one, such as those of 2026-07-28, get an MCP server each: the SDK's own handler behind the checks, credentials
 * and limits of this server.
 * https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#streamable-http
 */
export function createStreamableHttp(options: StreamableHttpOptions, allSessions: Sessions) {
  const { messages, workLimits, delivery, maxSessions, maxSessionsPerClient, limits, log, metrics } = options;
  const sessions = options.sessions === 'on' ? createHttpSessions(options, allSessions) : undefined;
  /** Who sent a request, by the part of it that the SDK hands on. */
  const callers = new WeakMap<AuthInfo, Caller>();
  /** The MCP server of each request. */
  const mcpServers = new WeakMap<Request, McpServer>();
  /** Makes MCP servers whose replies are sendable, as over SSE. */
  const createMcpServer = ({ authInfo, requestInfo }: McpRequestContext) => {
    const mcpServer = withSendableReplies(options.createMcpServer(authInfo && callers.get(authInfo)));
    if (requestInfo) mcpServers.set(requestInfo, mcpServer);
    return mcpServer;
  };
  const handlerOptions = {
    // What the SDK says after a colon may be the message that it could not use.
    onerror: ({ message }: Error) =>
      log.info({ reason: message.split(':', 1)[0]?.slice(0, 200) }, 'Streamable HTTP error'),
    keepAliveMs: options.keepAliveSeconds * 1000,
    ...(options.changes && { bus: options.changes }),
  };
  // Two handlers, since a stopping server ends subscriptions at once and lets calls finish.
  const calls = createMcpHandler(createMcpServer, handlerOptions);
  const subscriptions = createMcpHandler(createMcpServer, {
    ...handlerOptions,
    maxSubscriptions: maxSessions,
  });
  /** Calls that run, by their response: what was asked, and what writes the answer once it has begun. */
  const running = new Map<ServerResponse, { json: unknown; writer?: PacedWriter }>();
  let onIdle: (() => void) | undefined;
  /** How many subscriptions each client has open. */
  const subscribed = new Tally();

  /** @throws {HttpError} `too_many_requests`, `too_many_sessions`, and those of the session and the body */
  async function handle(exchange: Exchange, caller: Caller | undefined): Promise<void> {
    const session = sessions?.named(exchange, caller);
    const client = caller?.id ?? exchange.address;
    if (!exchange.isCounted) limits.count(client);
    const work = workLimits.begin(client);
    try {
      const { json, bytes } = await readBody(exchange, messages, work);
      metrics.messageReceived(bytes);
      // Clients of 2025-03-26 may send several messages in one array, of which the dispatcher counted one.
      if (Array.isArray(json) && json.length > 1) limits.count(client, json.length - 1);
      if (sessions && session) await sessions.receive(session, exchange, caller, json, work);
      else if (sessions && beginsSession(exchange, json)) await sessions.open(exchange, caller, json, work);
      else await answerAlone(exchange, caller, json, work);
    } catch (error) {
      work.end();
      throw error;
    }
  }

  /** Answers what belongs to no session. */
  async function answerAlone(
    exchange: Exchange,
    caller: Caller | undefined,
    json: unknown,
    work: Work,
  ): Promise<void> {
    try {
      if (methodOf(json) === 'subscriptions/listen') {
        work.end(); // It lasts, and counts as a session instead.
        return await subscribe(exchange, json, caller);
      }
      work.run(requestIds(json).length);
      await answer(calls, exchange, json, caller, work);
    } catch (error) {
      work.end();
      throw error;
    }
  }

  /** A stream of change notifications, open for as long as the client likes: a session, as far as limits go. */
  async function subscribe(exchange: Exchange, json: unknown, caller: Caller | undefined): Promise<void> {
    const client = caller?.id ?? exchange.address;
    if ((subscribed.get(client) ?? 0) >= maxSessionsPerClient) {
      throw new HttpError('too_many_subscriptions', { limit: maxSessionsPerClient });
    }
    subscribed.add(client);
    try {
      await answer(subscriptions, exchange, json, caller);
    } finally {
      subscribed.remove(client);
    }
  }

  /**
   * Has the SDK answer a request; resolves when the whole answer is written or the client is gone.
   *
   * @param work that ends with it
   */
  async function answer(
    handler: typeof calls,
    exchange: Exchange,
    json: unknown,
    caller: Caller | undefined,
    work?: Work,
  ): Promise<void> {
    const { request, response, headers, path } = exchange;
    const authInfo = caller && ownAuthInfo(caller);
    if (authInfo) callers.set(authInfo, caller);
    const over = new AbortController();
    const asked = webRequest(request, path, over.signal);
    const call: { json: unknown; writer?: PacedWriter } = { json };
    running.set(response, call);
    response.once('close', () => {
      if (!response.writableFinished) over.abort();
    });
    // A call that a good credential began is answered. A subscription lasts, but no longer than its credential.
    const expiresAt = handler === subscriptions ? caller?.authInfo.expiresAt : undefined;
    const msLeft = (expiresAt ?? Infinity) * 1000 - Date.now();
    const expiry = setTimeout(() => over.abort(), Math.min(msLeft, longestTimeout));

    try {
      const result = await handler.fetch(asked, {
        parsedBody: json,
        ...(authInfo && { authInfo }),
      });
      if (response.headersSent) return; // The server stopped meanwhile.
      result.headers.delete('Connection'); // Node's to say.
      response.writeHead(result.status, { ...headers, ...Object.fromEntries(result.headers) });
      if (result.status >= 400) {
        const body = await result.text();
        noteRefusal(exchange, result.status, body);
        response.end(body);
        return;
      }
      const writer = new PacedWriter(response, delivery);
      call.writer = writer;
      writer.onclose = (reason) => {
        if (reason && reason !== 'client_gone') noteCut(exchange, reason);
      };
      // What the SDK has is taken at once: it would keep what waits without bound.
      for await (const chunk of result.body ?? []) {
        if (!writer.write(unbroken(chunk))) return;
        if (result.ok && chunk[0] !== comment) metrics.messageDelivered(chunk.length);
      }
      writer.end();
      if (writer.isBehind) await writer.flushed();
    } finally {
      clearTimeout(expiry);
      const mcpServer = mcpServers.get(asked);
      work?.endAfter(mcpServer && settled(handlersOf(mcpServer), requestIds(json)));
      running.delete(response);
      if (running.size === 0) onIdle?.();
    }
  }

  function noteRefusal({ request, address, path }: Exchange, status: number, body: string): void {
    const facts = { status, reason: reasonIn(body), method: 'POST', path, address };
    metrics.requestRejected(status);
    log.info({ request: requestId(request), ...facts }, 'request refused');
  }

  function noteCut({ request, address, path }: Exchange, reason: string): void {
    log.info({ request: requestId(request), reason, method: 'POST', path, address }, 'reply cut off');
  }

  /** Answers the calls that still run with an error. */
  function endCalls(): void {
    for (const [response, { json, writer }] of running) {
      if (response.writableEnded) continue;
      const replies = requestIds(json).map((id) => replyToLostCall(id, 'shutdown'));
      if (writer) {
        for (const reply of replies) writer.write(`event: message\ndata: ${JSON.stringify(reply)}\n\n`);
        writer.end();
      } else {
        const body = JSON.stringify(Array.isArray(json) ? replies : replies[0]);
        response.writeHead(503, { 'Content-Type': 'application/json', Connection: 'close' }).end(body);
      }
    }
  }

  return {
    handle,
    /** What else there is where clients have sessions. */
    sessions,
    endCalls,
    /** Ends the streams that last until they are ended; calls go on. */
    endSubscriptions: () => subscriptions.close(),
    /** Resolves once no call runs. */
    async idle(): Promise<void> {
      if (running.size === 0) return;
      await new Promise<void>((resolve) => {
        onIdle = resolve;
      });
    },
    /** Ends the rest. */
    close: () => calls.close(),
  };
}

/**
 * A request in the form that the SDK's handler takes. The body is not in it, since it was read and parsed before. Nor is
 * the host in the URL: what a client sends as one need not be one, and is there among the headers.
 */
function webRequest({ headers }: IncomingMessage, path: string, signal: AbortSignal): Request {
  const fields = Object.entries(headers).map(([name, value]): [string, string] => [
    name,
    name === 'accept' ? acceptOf(String(value)) : String(value),
  ]);
  if (headers.accept === undefined) fields.push(['accept', bothTypes]);
  return new Request(`http://localhost${path}`, { method: 'POST', headers: fields, signal });
}

const bothTypes = 'application/json, text/event-stream';

/** The SDK wants both types by name. A client that takes anything, or a stream alone, can be answered as well. */
function acceptOf(given: string): string {
  return acceptsEvents(given) ? bothTypes : given.toLowerCase();
}

/** Sends what can be sent: an error instead of a result that JSON cannot hold. */
function withSendableReplies(mcpServer: McpServer): McpServer {
  const connect = mcpServer.connect.bind(mcpServer);
  mcpServer.connect = (transport) => {
    const send = transport.send.bind(transport);
    transport.send = (message, sendOptions) => send(toSendable(message).message, sendOptions);
    return connect(transport);
  };
  return mcpServer;
}

/** A piece of an answer, decoded only if there is something to escape in it. */
function unbroken(chunk: Uint8Array): Uint8Array {
  const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  if (!bytes.includes('\u2028') && !bytes.includes('\u2029') && !bytes.includes('\u0085')) return chunk;
  return Buffer.from(withoutLineBreaks(bytes.toString()));
}

/**
 * Why the SDK refused a request. What it says after a colon, in quotes or in parentheses may be what the client sent.
 */
function reasonIn(body: string): string | undefined {
  try {
    const message = String(JSON.parse(body).error.message).replace(/^Bad Request: /, '');
    return message
      .split(/[:("'`=]/, 1)[0]
      ?.trim()
      .slice(0, 100);
  } catch {
    return undefined;
  }
}

/** The colon that begins a comment in an event stream: a keep-alive, not a message. */
const comment = ':'.charCodeAt(0);

/** Whether a client of 2025 introduces itself. */
function beginsSession({ request }: Exchange, json: unknown): json is JSONRPCRequest {
  if (methodOf(json) !== 'initialize' || !isInitializeRequest(json)) return false;
  const { headers } = request;
  const protocolVersionHeader = headers['mcp-protocol-version'];
  return (
    classifyInboundRequest({
      httpMethod: 'POST',
      ...(protocolVersionHeader !== undefined && { protocolVersionHeader: String(protocolVersionHeader) }),
      body: json,
    }).kind === 'legacy'
  );
}
