import type { IncomingMessage } from 'node:http';

/**
 * The one value of a header. Given twice it counts as missing: a proxy in front may have checked one of them while
 * this server would take the other. (Node keeps the first `Authorization` and hides the rest.)
 */
export function singleHeader({ rawHeaders }: IncomingMessage, name: string): string | undefined {
  const wanted = name.toLowerCase();
  let found: string | undefined;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i]?.length !== wanted.length || rawHeaders[i]?.toLowerCase() !== wanted) continue;
    if (found !== undefined) return undefined;
    found = rawHeaders[i + 1];
  }
  return found;
}

/** The token after `Bearer ` (RFC 6750, section 2.1); undefined if the header has another scheme. */
export function bearerToken(header: string | undefined): string | undefined {
  if (header === undefined || header.slice(0, 7).toLowerCase() !== 'bearer ') return undefined;
  return header.slice(7).trim() || undefined;
}
