import type { IncomingMessage } from 'node:http';
import { isIP, SocketAddress } from 'node:net';

/**
 * The address that a request is counted under. Each of `trustedProxies` proxies appends the address it saw to
 * X-Forwarded-For, so the client's is that many places from the end; what is further left is hearsay.
 */
export function clientAddress(request: IncomingMessage, trustedProxies: number): string {
  const forwarded = trustedProxies > 0 ? fromEnd(request, 'x-forwarded-for', trustedProxies) : undefined;
  return networkOf(forwarded ?? request.socket.remoteAddress ?? 'unknown');
}

/** Characters of a forwarded value that count: a host name has 253 at most. */
const longestValue = 260;

/** The value that the outermost trusted proxy put into a header to which each proxy appends its own. */
function fromEnd({ headers }: IncomingMessage, name: string, trustedProxies: number): string | undefined {
  const values = String(headers[name] ?? '').split(',');
  return values[Math.max(0, values.length - trustedProxies)]?.trim().slice(0, longestValue) || undefined;
}

/** What counts as one address. Of IPv6 the first 64 bits, as in `2001:db8:0:1::/64`: its owner has all addresses of that network. */
export function networkOf(given: string): string {
  if (!given.includes(':') || given === '::1') return given; // Nearly all of them, so at once.
  const host = withoutPort(given);
  if (isIP(host) !== 6) return host;
  const address = usualSpelling(host);
  if (address === '::1') return address;
  // How IPv4 looks on a socket that takes both: `::ffff:192.0.2.1`.
  if (address.startsWith('::ffff:') && address.includes('.')) return address.slice('::ffff:'.length);
  const [before = [], after = []] = address.split('::').map((part) => (part === '' ? [] : part.split(':')));
  const zeros = Array<string>(Math.max(0, 8 - before.length - after.length)).fill('0');
  return `${[...before, ...zeros, ...after].slice(0, 4).join(':')}::/64`;
}

/** One address has many spellings; this is the usual one (RFC 5952), without a zone such as `%eth0`. */
function usualSpelling(host: string): string {
  const [address = host] = host.split('%', 1);
  return new SocketAddress({ address, family: 'ipv6' }).address;
}

/** Without the port that some proxies add: `192.0.2.1:4711`, `[2001:db8::1]:4711`. Anything else stays as it is. */
function withoutPort(given: string): string {
  const host = given.startsWith('[')
    ? given.slice(1, given.indexOf(']'))
    : given.slice(0, given.indexOf(':'));
  return isIP(host) ? host : given;
}

export interface PublicOriginOptions {
  /** Where clients reach this server; empty if the requests say so. */
  publicUrl: string;
  trustedProxies: number;
  /** Hosts that a proxy may name. */
  allowedHosts: readonly string[];
}

export type PublicOrigin = ReturnType<typeof createPublicOrigin>;

/** Finds the origin at which clients reach this server, such as `https://mcp.example.com`. */
export function createPublicOrigin({ publicUrl, trustedProxies, allowedHosts }: PublicOriginOptions) {
  const fixed = publicUrl.replace(/\/$/, '');
  const allowed = new Set(allowedHosts.map((host) => host.toLowerCase()));

  return (request: IncomingMessage): string => {
    if (fixed !== '') return fixed;
    const { socket, headers } = request;
    const encrypted = 'encrypted' in socket && socket.encrypted === true;
    let scheme = encrypted ? 'https' : 'http';
    let host = headers.host ?? 'localhost';
    if (trustedProxies > 0) {
      const proto = fromEnd(request, 'x-forwarded-proto', trustedProxies)?.toLowerCase();
      if (proto === 'https' || proto === 'http') scheme = proto;
      const forwarded = fromEnd(request, 'x-forwarded-host', trustedProxies);
      if (forwarded !== undefined && allowed.has(hostName(forwarded) ?? '')) host = forwarded;
    }
    return `${scheme}://${host}`;
  };
}

/** The name in a Host header: without the port, in lower case; undefined if it is malformed. IPv6 keeps its brackets. */
export function hostName(host: string): string | undefined {
  return /^(\[[\da-f:.]+\]|[\w.-]+)(?::\d{1,5})?$/i.exec(host)?.[1]?.toLowerCase();
}
