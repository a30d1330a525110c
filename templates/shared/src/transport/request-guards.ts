import type { IncomingMessage, ServerResponse } from 'node:http';
import { isIP, SocketAddress } from 'node:net';
import { singleHeader } from '../auth/credential-header.js';
import { HttpError } from './http-error.js';

export interface GuardOptions {
  /** Host names a request may ask for, ports aside; `*` for any. Stops DNS rebinding. */
  allowedHosts: readonly string[];
  cors: CorsOptions;
}

export interface CorsOptions {
  /** Origins that pages may call from; `*` for any, `loopback` for pages served from this machine. */
  allowOrigin: readonly string[];
  /** `Access-Control-Allow-Methods` of a preflight answer. */
  allowMethods: string;
  /** `Access-Control-Allow-Headers` of a preflight answer. */
  allowHeaders: string;
  /** `Access-Control-Expose-Headers` of every answer. */
  exposeHeaders: string;
  /** Seconds a browser may remember a preflight answer. */
  maxAge: number;
}

/** The names by which a machine calls itself. */
export const loopbackNames = ['localhost', '127.0.0.1', '[::1]'];

export function isLoopback(host: string): boolean {
  return loopbackNames.includes(host) || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

/**
 * The first checks of every request, whatever its path: which host it asks for, and which page it comes from.
 * A web page can make its visitor's browser call any server the browser can reach. `Host` shows a page that
 * rebound its own name to this address; `Origin` shows which site the page is from.
 * https://modelcontextprotocol.io/specification/2025-06-18/basic/transports#security-warning
 *
 * @throws {HttpError} from the returned `check`: `bad_request`, `host_not_allowed`, `origin_not_allowed`
 */
export function createGuards({ allowedHosts, cors }: GuardOptions) {
  const anyHost = allowedHosts.includes('*');
  const hosts = new Set(allowedHosts.map((host) => host.toLowerCase()));
  const anyOrigin = cors.allowOrigin.includes('*');
  const loopbackOrigins = cors.allowOrigin.includes('loopback');
  const origins = new Set(cors.allowOrigin.map((origin) => origin.toLowerCase()));

  function originAllowed(origin: string): boolean {
    return anyOrigin || origins.has(origin.toLowerCase()) || (loopbackOrigins && isLoopbackOrigin(origin));
  }

  const exposed = { 'Access-Control-Expose-Headers': cors.exposeHeaders };
  const toAnyOrigin = { ...exposed, 'Access-Control-Allow-Origin': '*' };

  /** Headers of every answer, refusals included: without them a page cannot read why it was refused. */
  function corsHeaders(origin: string | undefined): Record<string, string> {
    if (anyOrigin) return toAnyOrigin;
    const allowed = origin !== undefined && originAllowed(origin);
    return { ...exposed, Vary: 'Origin', ...(allowed && { 'Access-Control-Allow-Origin': origin }) };
  }

  function check(request: IncomingMessage): void {
    const { host, origin } = request.headers;
    // Only HTTP/1.0 may leave Host out, and no browser speaks it. With two of them, a proxy in front may go by the one
    // and this server by the other (RFC 9112, section 3.2).
    const isMissing = host === undefined && request.httpVersion !== '1.0';
    if (isMissing || (host !== undefined && singleHeader(request, 'host') === undefined)) {
      throw new HttpError('bad_request', 'The request must have one Host', { Connection: 'close' });
    }
    if (!anyHost && host !== undefined && !hosts.has(hostName(host))) {
      const message =
        'This server does not answer to the requested Host; ALLOWED_HOSTS names those that it does';
      throw new HttpError('host_not_allowed', message);
    }
    if (origin !== undefined && !originAllowed(origin)) {
      const message = 'Pages of this Origin may not call this server; ALLOWED_ORIGINS names those that may';
      throw new HttpError('origin_not_allowed', message);
    }
  }

  function answerPreflight(request: IncomingMessage, response: ServerResponse): void {
    response.writeHead(204, {
      ...corsHeaders(request.headers.origin),
      'Access-Control-Allow-Methods': cors.allowMethods,
      'Access-Control-Allow-Headers': cors.allowHeaders,
      'Access-Control-Max-Age': cors.maxAge,
    });
    response.end();
  }

  return { corsHeaders, check, answerPreflight };
}

/** The name in a Host header: without the port, in lower case. An IPv6 address keeps its brackets. */
function hostName(host: string): string {
  const end = host.startsWith('[') ? host.indexOf(']') + 1 : host.indexOf(':');
  return (end > 0 ? host.slice(0, end) : host).toLowerCase();
}

function isLoopbackOrigin(origin: string): boolean {
  const name = origin.startsWith('http://')
    ? origin.slice(7)
    : origin.startsWith('https://')
      ? origin.slice(8)
      : '';
  return loopbackNames.includes(hostName(name));
}

/**
 * The address that a request is counted under. Behind `trustedProxies` proxies each appends the address it saw to
 * X-Forwarded-For, so the client's stands that many places from the end; what is further left is hearsay.
 */
export function clientAddress(request: IncomingMessage, trustedProxies: number): string {
  const forwarded = trustedProxies > 0 ? request.headers['x-forwarded-for'] : undefined;
  if (typeof forwarded === 'string') {
    const seen = forwarded.split(',');
    const address = seen[Math.max(0, seen.length - trustedProxies)]?.trim();
    if (address) return networkOf(address);
  }
  return networkOf(request.socket.remoteAddress ?? 'unknown');
}

/** Of IPv6 the first 64 bits, as in `2001:db8:0:1::/64`: whoever has one address of such a network has all of them. */
function networkOf(given: string): string {
  if (!given.includes(':') || given === '::1') return given; // Nearly all of them, so at once.
  const host = withoutPort(given);
  if (isIP(host) !== 6) return host;
  // One address has many spellings, and this is the usual one (RFC 5952), without a zone such as `%eth0`.
  const usual = new SocketAddress({ address: host, family: 'ipv6' }).address;
  if (usual === '::1') return usual;
  // How IPv4 looks on a socket that takes both: `::ffff:192.0.2.1`.
  if (usual.startsWith('::ffff:') && usual.includes('.')) return usual.slice('::ffff:'.length);
  const [before = [], after = []] = usual.split('::').map((part) => (part === '' ? [] : part.split(':')));
  const zeros = Array<string>(8 - before.length - after.length).fill('0');
  return `${[...before, ...zeros, ...after].slice(0, 4).join(':')}::/64`;
}

/** Without the port that some proxies add: `192.0.2.1:4711`, `[2001:db8::1]:4711`. What is no address stays as it is. */
function withoutPort(given: string): string {
  const host = given.startsWith('[')
    ? given.slice(1, given.indexOf(']'))
    : given.slice(0, given.indexOf(':'));
  return isIP(host) ? host : given;
}

/** The origin that clients reach this server at, such as `https://mcp.example.com`. */
export function publicOrigin(request: IncomingMessage, trustedProxies: number): string {
  const encrypted = 'encrypted' in request.socket && request.socket.encrypted === true;
  const forwarded = trustedProxies > 0 ? request.headers['x-forwarded-proto'] : undefined;
  const scheme = forwarded === 'https' || forwarded === 'http' ? forwarded : encrypted ? 'https' : 'http';
  return `${scheme}://${request.headers.host ?? 'localhost'}`;
}
