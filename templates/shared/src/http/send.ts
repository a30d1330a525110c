import type { Exchange } from './exchange.ts';

/** Answers with a whole body. A HEAD gets the headers alone: Node leaves the body out. */
export function send(
  { response, headers }: Exchange,
  contentType: string,
  body: string,
  more: Record<string, string> = {},
): void {
  response.writeHead(200, {
    ...headers,
    ...more,
    'Content-Type': contentType,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
  });
  response.end(body);
}

export function sendJson(exchange: Exchange, value: object): void {
  send(exchange, 'application/json', JSON.stringify(value));
}
