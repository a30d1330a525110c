import type { IncomingMessage, ServerResponse } from 'node:http';

/** One request and its answer, with what several steps need to know of it. */
export interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  /** What every answer to this request carries. */
  headers: Record<string, string>;
  /** Address that the client is counted under, as far as the proxies in front can be trusted. */
  address: string;
  /** Path without the base path and a trailing slash. */
  path: string;
  /** What stands behind the question mark. */
  query: string;
}

export type Handler = (exchange: Exchange) => void | Promise<void>;

/** The methods that a path takes. */
export type Route = Partial<Record<'GET' | 'HEAD' | 'POST', Handler>>;
