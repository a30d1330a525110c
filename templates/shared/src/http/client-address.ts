import type { IncomingMessage } from 'node:http';
import { isIP, SocketAddress } from 'node:net';

/**
 * The address that a request is counted under. Each of `trustedProxies` proxies appends the address it saw to
 * X-Forwarded-For, so the client's is that many places from the end; what is further left is hearsay.
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

/** The first 64 bits of an IPv6 address, as in `2001:db8:0:1::/64`: its owner has all addresses of that network. */
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

/** Without the port that some proxies add: `192.0.2.1:4711`, `[2001:db8::1]:4711`. Anything else stays as it is. */
function withoutPort(given: string): string {
  const host = given.startsWith('[')
    ? given.slice(1, given.indexOf(']'))
    : given.slice(0, given.indexOf(':'));
  return isIP(host) ? host : given;
}

/** The origin at which clients reach this server, such as `https://mcp.example.com`. */
export function publicOrigin(request: IncomingMessage, trustedProxies: number): string {
  const encrypted = 'encrypted' in request.socket && request.socket.encrypted === true;
  const forwarded = trustedProxies > 0 ? request.headers['x-forwarded-proto'] : undefined;
  const scheme = forwarded === 'https' || forwarded === 'http' ? forwarded : encrypted ? 'https' : 'http';
  return `${scheme}://${request.headers.host ?? 'localhost'}`;
}
