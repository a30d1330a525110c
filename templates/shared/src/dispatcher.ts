import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Caller } from './auth/caller.ts';
import type { Need } from './auth/identify.ts';
import { clientAddress } from './http/client-address.ts';
import { HttpError } from './http/errors.ts';
import { type Exchange, splitTarget } from './http/exchange.ts';
import type { createGuards } from './http/guards.ts';
import type { RateLimits } from './http/rate-limits.ts';
import { refuse, refuseConnection } from './http/refuse.ts';
import type { Log } from './monitoring/log.ts';
import type { Metrics } from './monitoring/metrics.ts';
import { requestId } from './monitoring/request-id.ts';
import type { Sessions } from './sessions/sessions.ts';

export type Handle<C = Caller | undefined> = (exchange: Exchange, caller: C) => void | Promise<void>;

/** What a path does for one method, and what that needs. Only a route that needs a `caller` is sure to be given one. */
export type Route = {
  [N in Need]: {
    needs: N;
    handle: Handle<N extends 'caller' ? Caller : Caller | undefined>;
    /** Whether the handler counts a client's message with this query itself, once it knows what it is. */
    counts?: (client: string, query: string) => boolean;
  };
}[Need];

/** By path, then by method. HEAD is answered where GET is. */
export type Routes = Record<string, Partial<Record<'GET' | 'POST' | 'DELETE', Route>>>;

export interface DispatcherOptions {
  routes: Routes;
  /** The path of the event stream, which clients find at `/` too. */
  endpoint: string;
  basePath: string;
  trustedProxies: number;
  /** @throws {HttpError} `shutting_down` */
  requireOpen: (exchange: Exchange) => void;
  guards: ReturnType<typeof createGuards>;
  sessions: Sessions;
  /** @throws {HttpError} `unauthorized`, `auth_unavailable`, `too_many_requests` */
  identify: (exchange: Exchange, need: Need) => Caller | undefined | Promise<Caller | undefined>;
  limits: RateLimits;
  log: Log;
  metrics: Metrics;
}

/** Brings every request to its route, or refuses it. */
export function createDispatcher(options: DispatcherOptions) {
  const { endpoint, basePath, trustedProxies, requireOpen, guards, sessions, identify, limits } = options;
  const { log, metrics } = options;
  const routes = new Map(Object.entries(options.routes));

  /** The order of all checks: the first that fails answers. */
  async function dispatch(exchange: Exchange): Promise<void> {
    const { request, response, address } = exchange;
    requireOpen(exchange);
    guards.check(exchange);
    if (request.method === 'OPTIONS') return guards.answerPreflight(request, response);
    const { needs, handle, counts } = find(exchange);
    const isMessage = messageNeeds.has(needs);
    if (needs === 'sse') sessions.requireRoom();
    else if (!isMessage) limits.count(`address ${address}`);
    const caller = await identify(exchange, needs);
    exchange.isCounted = !counts?.(caller?.id ?? address, exchange.query);
    if (isStream(request.method, needs)) limits.countStream(caller?.id ?? address);
    else if (isMessage && exchange.isCounted) limits.count(caller?.id ?? address);
    await (handle as Handle<Caller | undefined>)(exchange, caller);
  }

  /** @throws {HttpError} `not_found`, `method_not_allowed` */
  function find(exchange: Exchange): Route {
    const { method = '' } = exchange.request;
    const { path } = exchange;
    const route = routes.get(path === '/' && wantsEvents(exchange) ? endpoint : path);
    if (route === undefined) throw new HttpError('not_found');
    const found = route[method as keyof typeof route];
    if (found) return found;
    if (method === 'HEAD' && route.GET && !isStream('GET', route.GET.needs)) return route.GET;
    const name = method === 'POST' && route.GET?.needs === 'sse' ? 'post_to_stream' : 'method_not_allowed';
    throw new HttpError(name, { headers: { Allow: allowed(route) } });
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const exchange: Exchange = {
      request,
      response,
      headers: guards.corsHeaders(request.headers.origin),
      address: clientAddress(request, trustedProxies),
      isCounted: false,
      ...splitTarget(request, basePath, isRoute),
    };
    try {
      await dispatch(exchange);
    } catch (error) {
      answerRefusal(exchange, error);
    }
  }

  const isRoute = (path: string) => routes.has(path);

  function answerRefusal({ request, response, headers, address, path }: Exchange, error: unknown): void {
    if (response.destroyed) return; // Its client left, or was told 408 already.
    const id = requestId(request);
    let refusal: HttpError;
    if (error instanceof HttpError) {
      refusal = error;
    } else {
      log.error({ request: id, err: error }, 'a request failed');
      refusal = new HttpError('internal_error');
    }
    const { status, code, reason } = refusal;
    metrics.requestRejected(status);
    if (routes.get(path)?.POST) metrics.messageFailed(code);
    log.info(
      { request: id, status, code, reason, method: request.method, path: path.slice(0, 100), address },
      'request refused',
    );
    if (response.headersSent) response.destroy();
    else refuse(request, response, refusal, headers);
  }

  /** Answers what never became a request. */
  function handleClientError(error: NodeJS.ErrnoException, socket: Socket): void {
    const refusal = refuseConnection(error, socket, guards.corsHeaders(undefined));
    if (refusal === undefined) return;
    metrics.requestRejected(refusal.status);
    log.info({ status: refusal.status, code: refusal.code }, 'request refused');
  }

  return { handle, handleClientError };
}

/** Clients that were given no path find the event stream at `/`; people find a page. */
export function wantsEvents({ request }: Exchange): boolean {
  return request.method === 'GET' && !!request.headers.accept?.includes('text/event-stream');
}

/** What requests need that count as messages of their caller; others count as requests of their address. */
const messageNeeds: ReadonlySet<string> = new Set(['messages', 'caller']);

/** Whether a request opens a stream that lasts: after a restart all of them come back at once. */
function isStream(method: string | undefined, needs: Need): boolean {
  return needs === 'sse' || (needs === 'messages' && method === 'GET');
}

/** The `Allow` header of a path (RFC 9110, section 10.2.1). */
function allowed(route: Routes[string]): string {
  const methods = Object.keys(route).flatMap((method) =>
    method === 'GET' && route.GET && !isStream('GET', route.GET.needs) ? ['GET', 'HEAD'] : [method],
  );
  return [...methods, 'OPTIONS'].join(', ');
}
