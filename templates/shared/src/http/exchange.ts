import type { IncomingMessage, ServerResponse } from 'node:http';

/** One request and its response, with what several steps need to know of it. */
export interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  /** What every response to this request carries. */
  headers: Record<string, string>;
  /** Address that the client is counted under, as far as the proxies in front can be trusted. */
  address: string;
  /** Path without the base path and a trailing slash. */
  path: string;
  /** What follows the question mark. */
  query: string;
  /** Whether a rate limit counted it. */
  isCounted: boolean;
}

/**
 * The path and the query that a request asks for, without the base path and a trailing slash.
 *
 * @param isRoute whether a path has a route: some proxies remove the base path, others pass it on
 */
export function splitTarget(request: IncomingMessage, basePath: string, isRoute: (path: string) => boolean) {
  const { url = '/' } = request;
  const target = url.startsWith('/') ? url : withoutHost(url, request.headers.host);
  const mark = target.indexOf('?');
  let path = mark === -1 ? target : target.slice(0, mark);
  if (path.length > 1 && path.endsWith('/')) path = path.slice(0, -1);
  if (basePath !== '' && !isRoute(path)) {
    if (path.startsWith(`${basePath}/`)) path = path.slice(basePath.length);
    else if (path === basePath) path = '/';
  }
  return { path, query: mark === -1 ? '' : target.slice(mark + 1) };
}

/** Some proxies ask for the whole URL (RFC 9112, section 3.2.2). It counts if its host is the one in `Host`. */
function withoutHost(url: string, expected: string | undefined): string {
  const [, host, rest = ''] = url.match(/^https?:\/\/([^/?]*)([/?].*)?$/i) ?? [];
  if (host === undefined || host.toLowerCase() !== expected?.toLowerCase()) return url;
  return rest.startsWith('/') ? rest : `/${rest}`;
}
