import type { IncomingMessage, ServerResponse } from 'node:http';
import { loopbackNames } from '../settings/kinds.ts';
import { hostName } from './client-address.ts';
import { HttpError } from './errors.ts';
import type { Exchange } from './exchange.ts';
import { singleHeader } from './headers.ts';

export interface GuardOptions {
  /** Host names a request may ask for, without ports; `*` for any. Stops DNS rebinding. */
  allowedHosts: readonly string[];
  /** Whether what a page of another site makes a browser ask for is refused, where the browser sends no Origin. */
  refuseCrossSite: boolean;
  cors: CorsOptions;
}

export interface CorsOptions {
  /** Origins whose pages may call; `*` for any, `loopback` for pages served from this machine. */
  allowOrigin: readonly string[];
  /** `Access-Control-Allow-Methods` of a preflight response. */
  allowMethods: readonly string[];
  /** `Access-Control-Allow-Headers` of a preflight response. */
  allowHeaders: readonly string[];
  /** `Access-Control-Expose-Headers` of every response. */
  exposeHeaders: readonly string[];
  /** Seconds a browser may remember a preflight response. */
  maxAge: number;
}

/**
 * The first checks of every request, whatever its path: which host it asks for, and which page it comes from.
 * A web page can make its visitor's browser call any server the browser can reach. `Host` exposes a page that
 * rebound its own name to this address; `Origin` says which site the page is from.
 * https://modelcontextprotocol.io/specification/2025-06-18/basic/transports#security-warning
 *
 * @param credentialHeader the header that carries the credential, which pages may send too
 */
export function createGuards(
  { allowedHosts, refuseCrossSite, cors }: GuardOptions,
  credentialHeader?: string,
) {
  const anyHost = allowedHosts.includes('*');
  const hosts = new Set(allowedHosts.map((host) => host.toLowerCase()));
  const anyOrigin = cors.allowOrigin.includes('*');
  const loopbackOrigins = cors.allowOrigin.includes('loopback');
  const origins = new Set(cors.allowOrigin.map((origin) => origin.toLowerCase()));

  function originAllowed(origin: string): boolean {
    return anyOrigin || origins.has(origin.toLowerCase()) || (loopbackOrigins && isLoopbackOrigin(origin));
  }

  const allowHeaders = [...new Set([...cors.allowHeaders, ...(credentialHeader ? [credentialHeader] : [])])];
  const exposed = { 'Access-Control-Expose-Headers': cors.exposeHeaders.join(', ') };
  const toAnyOrigin = { ...exposed, 'Access-Control-Allow-Origin': '*' };

  /** Headers of every response, refusals included: without them a page cannot read why it was refused. */
  function corsHeaders(origin: string | undefined): Record<string, string> {
    if (anyOrigin) return toAnyOrigin;
    const allowed = origin !== undefined && originAllowed(origin);
    return { ...exposed, Vary: 'Origin', ...(allowed && { 'Access-Control-Allow-Origin': origin }) };
  }

  /** @throws {HttpError} `bad_request`, `host_not_allowed`, `origin_not_allowed` */
  function check({ request, path }: Exchange): void {
    const { host, origin } = request.headers;
    // Only HTTP/1.0 may leave Host out, and no browser speaks it. Given two, a proxy in front may go by one and this
    // server by the other (RFC 9112, section 3.2).
    const isMissing = host === undefined && request.httpVersion !== '1.0';
    if (isMissing || (host !== undefined && singleHeader(request, 'host') === undefined)) {
      throw new HttpError('hosts_not_one');
    }
    if (host !== undefined && host !== lastHost && !hostAllowed(host)) {
      throw new HttpError('host_not_allowed', { reason: `host ${printable(host)}` });
    }
    if (origin !== undefined && !originAllowed(origin)) {
      throw new HttpError('origin_not_allowed', { reason: `origin ${printable(origin)}` });
    }
    if (refuseCrossSite && isCrossSite(request, path)) {
      throw new HttpError('origin_not_allowed', { reason: 'a cross-site request without Origin' });
    }
  }

  /** The last host that was allowed: nearly every request asks for the same. */
  let lastHost: string | undefined;

  function hostAllowed(host: string): boolean {
    const name = hostName(host);
    if (name === undefined || !(anyHost || hosts.has(name))) return false;
    lastHost = host;
    return true;
  }

  function answerPreflight(request: IncomingMessage, response: ServerResponse): void {
    const { origin, 'access-control-request-headers': asked = '' } = request.headers;
    // Clients send a tool's parameters as headers too if its schema says so, under any name with this beginning.
    const parameters = asked
      .split(',')
      .flatMap((name) => /^mcp-param-[\w!#$%&'*+.^`|~-]+$/i.exec(name.trim()) ?? []);
    response.writeHead(204, {
      ...corsHeaders(origin),
      'Access-Control-Allow-Methods': cors.allowMethods.join(', '),
      'Access-Control-Allow-Headers': [...allowHeaders, ...parameters].join(', '),
      'Access-Control-Max-Age': cors.maxAge,
    });
    response.end();
  }

  return { corsHeaders, check, answerPreflight };
}

function isLoopbackOrigin(origin: string): boolean {
  const [, host = ''] = origin.match(/^https?:\/\/(.*)$/) ?? [];
  return loopbackNames.includes(hostName(host) ?? '');
}

/** Whether a page of another site made the browser ask. A person who follows a link to `/` is welcome. */
function isCrossSite({ method, headers }: IncomingMessage, path: string): boolean {
  if (headers.origin !== undefined || headers['sec-fetch-site'] !== 'cross-site') return false;
  return !(method === 'GET' && headers['sec-fetch-mode'] === 'navigate' && path === '/');
}

/** A header's value as a log can show it: not too long, and without characters that a terminal would obey. */
function printable(value: string): string {
  const escaped = value
    .slice(0, 100)
    .replace(/[^ -~]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
  return value.length > 100 ? `${escaped}…` : escaped;
}
