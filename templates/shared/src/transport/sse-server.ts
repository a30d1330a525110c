import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { McpServer } from '@modelcontextprotocol/server';
import type { Caller } from '../auth/authenticate.js';
import { createPages, type PageOptions } from '../monitoring/pages.js';
import { requestId } from '../monitoring/request-id.js';
import { type AccessOptions, createAccess } from './access.js';
import { type Exchange, type Handler, type Route, splitTarget } from './exchange.js';
import { answerClientError, answerError, HttpError } from './http-error.js';
import { createListener, type ListenerOptions } from './http-listener.js';
import type { PacedWriterOptions } from './paced-writer.js';
import { createRateLimits, type RateLimitOptions } from './rate-limits.js';
import { type Relay, singleProcess } from './relay.js';
import { readJsonBody } from './request-body.js';
import { clientAddress, createGuards, type GuardOptions } from './request-guards.js';
import { createSessions, type SessionsOptions } from './sessions.js';
import { createSseEndpoints } from './sse-endpoints.js';

export interface SseServerOptions
  extends AccessOptions,
    PacedWriterOptions,
    GuardOptions,
    ListenerOptions,
    PageOptions,
    RateLimitOptions,
    SessionsOptions {
  /** Largest message in bytes. */
  maxMessageSize: number;
  /** Milliseconds that running calls get to finish when the server closes. */
  shutdownMs: number;
  /** Who may scrape `/metrics`: nobody, everybody, or whoever has a credential. */
  metricsAccess: 'off' | 'public' | 'protected';
  /** Makes the MCP server of each session. */
  createMcpServer: () => McpServer;
  /** MCP's newer transport on a path of its own. Absent: SSE only. */
  streamableHttp?: StreamableHttp | undefined;
  /** Brings messages to sessions in other processes. Defaults to none: this process is alone. */
  relay?: Relay | undefined;
}

/** What `streamable-http.ts` provides: answers the POST of one JSON body. */
export interface StreamableHttp {
  endpoint: string;
  handle(exchange: Exchange, json: unknown, caller: Caller | undefined): Promise<void>;
  /** Ends the streams that last until somebody ends them; calls go on. */
  endSubscriptions(): Promise<void>;
  /** Ends what is left. */
  close(): Promise<void>;
}

/**
 * An HTTP server that speaks MCP over server-sent events. All state is its own: several can run in one process.
 */
export function createSseServer(options: SseServerOptions) {
  const { basePath, endpoint, messageEndpoint, streamableHttp, log, metrics } = options;
  const { relay = singleProcess } = options;
  const guards = createGuards(options);
  const limits = createRateLimits(options);
  const identify = createAccess(options, limits);
  const sessions = createSessions(options);
  const sse = createSseEndpoints({ ...options, relay, messageUrl: basePath + messageEndpoint }, sessions);
  const pages = createPages({ ...options, relay }, sessions);
  const listener = createListener(options, { handle, handleClientError });
  let closing: Promise<void> | undefined;

  const routes = new Map<string, Route>([
    [endpoint, { GET: getStream }],
    [messageEndpoint, { POST: postMessage }],
    ['/', { GET: getRoot, HEAD: getRoot }],
    ['/health', { GET: pages.health, HEAD: pages.health }],
  ]);
  if (streamableHttp) routes.set(streamableHttp.endpoint, { POST: postStreamable });
  if (options.metricsAccess !== 'off') routes.set('/metrics', { GET: getMetrics, HEAD: getMetrics });
  for (const path of pages.resourcePaths) {
    routes.set(path, { GET: pages.resourceMetadata, HEAD: pages.resourceMetadata });
  }

  async function getStream(exchange: Exchange) {
    sessions.requireRoom();
    const caller = await identify(exchange, 'sse', exchange.path === '/' ? '' : endpoint);
    requireOpen();
    if (listener.isShared(exchange.request)) {
      throw new HttpError('bad_request', 'A stream needs a connection of its own');
    }
    await sse.openSession(exchange, caller);
    listener.carriesStream(exchange.request);
  }

  /** Clients that were given no path find events here, people a page. */
  function getRoot(exchange: Exchange) {
    const wantsEvents = exchange.request.headers.accept?.includes('text/event-stream');
    if (wantsEvents && exchange.request.method === 'GET') return getStream(exchange);
    if (!options.landingPage) throw new HttpError('not_found', 'There is nothing at this path');
    return pages.landing(exchange);
  }

  async function postMessage(exchange: Exchange) {
    // To clients and their issuer the stream's URL is the server's; that of messages is a detail of the session.
    const caller = await identify(exchange, 'messages', endpoint);
    await limits.countMessage(caller?.id ?? exchange.address);
    await sse.receiveMessage(exchange, caller);
  }

  async function postStreamable(exchange: Exchange) {
    const caller = await identify(exchange, 'messages', exchange.path);
    await limits.countMessage(caller?.id ?? exchange.address);
    const { json, bytes } = await readJsonBody(exchange, options.maxMessageSize);
    metrics.messageReceived(bytes);
    // Clients of 2025-03-26 may send several messages in one array.
    if (Array.isArray(json) && json.length > 1) {
      await limits.countMessage(caller?.id ?? exchange.address, json.length - 1);
    }
    await streamableHttp?.handle(exchange, json, caller);
  }

  async function getMetrics(exchange: Exchange) {
    if (options.metricsAccess === 'protected') await identify(exchange, 'metrics', endpoint);
    pages.metrics(exchange);
  }

  /** @throws {HttpError} `shutting_down` */
  function requireOpen(): void {
    if (closing) throw new HttpError('shutting_down', 'The server is shutting down', { Connection: 'close' });
  }

  /** Every request comes through here, and is checked in this order; the first check that fails answers. */
  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const exchange = exchangeOf(request, response);
    try {
      requireOpen();
      guards.check(request);
      if (request.method === 'OPTIONS') {
        guards.answerPreflight(request, response);
        return;
      }
      await handlerFor(exchange)(exchange);
    } catch (error) {
      refuse(exchange, error);
    }
  }

  function exchangeOf(request: IncomingMessage, response: ServerResponse): Exchange {
    const { path, query } = splitTarget(request, basePath, (path) => routes.has(path));
    const address = clientAddress(request, options.trustedProxies);
    return { request, response, headers: guards.corsHeaders(request.headers.origin), address, path, query };
  }

  function handlerFor({ request, path }: Exchange): Handler {
    const route = routes.get(path);
    if (route === undefined) throw new HttpError('not_found', 'There is nothing at this path');
    const handler = route[request.method as keyof Route];
    if (handler) return handler;
    if (path === endpoint && request.method === 'POST') return sse.answerProbe;
    const Allow = [...Object.keys(route), 'OPTIONS'].join(', ');
    throw new HttpError('method_not_allowed', 'This path does not take this method', { Allow });
  }

  function refuse({ request, response, headers, address, path }: Exchange, error: unknown): void {
    if (response.destroyed) return; // Its client left, or was told 408 already.
    const id = requestId(request);
    let refusal: HttpError;
    if (error instanceof HttpError) {
      refusal = error;
    } else {
      log.error({ request: id, err: error }, 'a request failed');
      refusal = new HttpError('internal_error', 'The server failed to handle the request');
    }
    const { status, code } = refusal;
    metrics.requestRejected(status);
    if (routes.get(path)?.POST) metrics.messageFailed(code);
    log.info(
      { request: id, status, code, method: request.method, path: path.slice(0, 100), address },
      'request refused',
    );
    if (response.headersSent) response.destroy();
    else answerError(request, response, refusal, headers);
  }

  /** Answers what never became a request. */
  function handleClientError(error: NodeJS.ErrnoException, socket: Socket): void {
    const refusal = answerClientError(error, socket, guards.corsHeaders(undefined));
    if (refusal === undefined) return;
    metrics.requestRejected(refusal.status);
    log.info({ status: refusal.status, code: refusal.code }, 'request refused');
  }

  /** @throws {ListenError} */
  async function listen(): Promise<void> {
    await listener.listen();
    if (streamableHttp && options.auth?.endpoints.messages === false) {
      log.warn({ path: streamableHttp.endpoint }, 'PROTECT leaves Streamable HTTP open to everybody');
    }
    // What comes for a session that is about to end is refused, as it is when it comes here at once.
    relay.listen((message) => closing === undefined && sse.receiveForwarded(message));
  }

  /**
   * Stops: new requests get 503, streams end, running calls may finish within `shutdownMs`, then every
   * connection is closed.
   */
  function close(): Promise<void> {
    closing ??= stop();
    return closing;
  }

  async function stop(): Promise<void> {
    const deadline = Date.now() + options.shutdownMs;
    await Promise.all([streamableHttp?.endSubscriptions(), sessions.closeAll(options.shutdownMs)]);
    await listener.close(Math.max(0, deadline - Date.now()));
    await streamableHttp?.close();
    relay.close();
  }

  return { listen, close, url: listener.url, renewCertificate: listener.renewCertificate, sessions };
}
