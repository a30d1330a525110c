import type { IncomingMessage } from 'node:http';
import {
  type AuthInfo,
  createMcpHandler,
  type McpRequestContext,
  type McpServer,
  type ServerEventBus,
} from '@modelcontextprotocol/server';
import type { Caller } from '../auth/caller.ts';
import { HttpError } from '../http/errors.ts';
import type { Exchange } from '../http/exchange.ts';
import { PacedWriter, type PacedWriterOptions } from '../http/paced-writer.ts';
import type { RateLimits } from '../http/rate-limits.ts';
import { readJsonBody } from '../http/request-body.ts';
import type { Log } from '../monitoring/log.ts';
import type { Metrics } from '../monitoring/metrics.ts';

export interface StreamableHttpOptions {
  /** Bytes that one message may have. */
  maxMessageSize: number;
  delivery: PacedWriterOptions;
  /** Makes the MCP server of each request. */
  createMcpServer: (caller: Caller | undefined) => McpServer;
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
 * MCP's newer transport, for clients that no longer speak SSE: the SDK's own handler behind the checks,
 * credentials and limits of this server. Each request gets an MCP server of its own; nothing is kept between requests.
 * https://modelcontextprotocol.io/specification/2025-06-18/basic/transports#streamable-http
 */
export function createStreamableHttp(options: StreamableHttpOptions) {
  const { maxMessageSize, delivery, maxSessions, maxSessionsPerClient, limits, log, metrics } = options;
  const handlerOptions = {
    onerror: (error: Error) => log.info({ reason: error.message }, 'Streamable HTTP error'),
    keepAliveMs: options.keepAliveSeconds * 1000,
    ...(options.changes && { bus: options.changes }),
  };
  /** Who sent a request, by the part of it that the SDK hands on. */
  const callers = new WeakMap<AuthInfo, Caller>();
  const createMcpServer = ({ authInfo }: McpRequestContext) =>
    options.createMcpServer(authInfo && callers.get(authInfo));
  // Two handlers, since a stopping server ends subscriptions at once and lets calls finish.
  const calls = createMcpHandler(createMcpServer, handlerOptions);
  const subscriptions = createMcpHandler(createMcpServer, {
    ...handlerOptions,
    maxSubscriptions: maxSessions,
  });
  /** How many subscriptions each client has open. */
  const subscribed = new Map<string, number>();

  /** @throws {HttpError} `too_many_requests`, `too_many_sessions`, and those of the body */
  async function handle(exchange: Exchange, caller: Caller | undefined): Promise<void> {
    const { json, bytes } = await readJsonBody(exchange, maxMessageSize);
    metrics.messageReceived(bytes);
    // Clients of 2025-03-26 may send several messages in one array, of which the dispatcher counted one.
    if (Array.isArray(json) && json.length > 1) {
      await limits.countMessage(caller?.id ?? exchange.address, json.length - 1);
    }
    if (methodOf(json) === 'subscriptions/listen') {
      await subscribe(exchange, json, caller);
      return;
    }
    await answer(calls, exchange, json, caller);
  }

  /** A stream of change notifications, open for as long as the client likes: a session, as far as limits go. */
  async function subscribe(exchange: Exchange, json: unknown, caller: Caller | undefined): Promise<void> {
    const client = caller?.id ?? exchange.address;
    const open = subscribed.get(client) ?? 0;
    if (open >= maxSessionsPerClient) {
      throw new HttpError('too_many_subscriptions', { limit: maxSessionsPerClient });
    }
    subscribed.set(client, open + 1);
    try {
      await answer(subscriptions, exchange, json, caller);
    } finally {
      const left = (subscribed.get(client) ?? 1) - 1;
      if (left > 0) subscribed.set(client, left);
      else subscribed.delete(client);
    }
  }

  /** Has the SDK answer a request; resolves when the whole answer is written or the client is gone. */
  async function answer(
    handler: typeof calls,
    { request, response, headers, path }: Exchange,
    json: unknown,
    caller: Caller | undefined,
  ): Promise<void> {
    if (caller) callers.set(caller.authInfo, caller);
    const over = new AbortController();
    response.once('close', () => {
      if (!response.writableFinished) over.abort();
    });
    const msLeft = (caller?.authInfo.expiresAt ?? Infinity) * 1000 - Date.now();
    const expiry = setTimeout(() => over.abort(), Math.min(msLeft, longestTimeout));

    try {
      const result = await handler.fetch(webRequest(request, path, over.signal), {
        parsedBody: json,
        ...(caller && { authInfo: caller.authInfo }),
      });
      if (result.status >= 400) metrics.requestRejected(result.status);
      result.headers.delete('Connection'); // Node's to say.
      response.writeHead(result.status, { ...headers, ...Object.fromEntries(result.headers) });
      const writer = new PacedWriter(response, delivery);
      for await (const chunk of result.body ?? []) {
        if (!writer.write(chunk) || (writer.isBehind && !(await writer.flushed()))) return;
        if (result.ok && chunk[0] !== comment) metrics.messageDelivered(chunk.length);
      }
      writer.end();
    } finally {
      clearTimeout(expiry);
    }
  }

  return {
    handle,
    /** Ends the streams that last until somebody ends them; calls go on. */
    endSubscriptions: () => subscriptions.close(),
    /** Ends the rest. */
    close: () => calls.close(),
  };
}

/**
 * A request in the form that the SDK's handler takes. The body is not in it, since it was read and parsed before. Nor is
 * the host in the URL: what a client sends as one need not be one, and is there among the headers.
 */
function webRequest({ headers }: IncomingMessage, path: string, signal: AbortSignal): Request {
  const fields = Object.entries(headers).map(([name, value]): [string, string] => [name, String(value)]);
  return new Request(`http://localhost${path}`, { method: 'POST', headers: fields, signal });
}

/** The colon that begins a comment in an event stream: a keep-alive, not a message. */
const comment = ':'.charCodeAt(0);

function methodOf(json: unknown): unknown {
  return typeof json === 'object' && json !== null && 'method' in json ? json.method : undefined;
}
