import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { HttpError } from './errors.ts';

/** Milliseconds for which what a refused client still sends is read and thrown away, so that it sees the response. */
const lingerMs = 1000;

/** The body of a refusal; if the JSON-RPC message itself is at fault, in JSON-RPC's form. */
function bodyOf({ code, message, plainText, jsonRpcCode }: HttpError): string {
  if (plainText) return message;
  return JSON.stringify(
    jsonRpcCode === undefined
      ? { error: { code, message } }
      : { jsonrpc: '2.0', id: null, error: { code: jsonRpcCode, message } },
  );
}

/**
 * Answers a request that is refused.
 *
 * @param headers what every response to this request carries
 */
export function refuse(
  request: IncomingMessage,
  response: ServerResponse,
  error: HttpError,
  headers: Record<string, string>,
): void {
  const body = bodyOf(error);
  // A client that asked whether to send its body may now send it or not: what comes next is ambiguous.
  const asked = request.headers.expect !== undefined;
  const closes = asked || error.headers.Connection === 'close' || !response.shouldKeepAlive;
  response.writeHead(error.status, {
    ...headers,
    'Content-Type': error.plainText ? 'text/plain' : 'application/json',
    'Content-Length': Buffer.byteLength(body),
    ...error.headers,
    ...(closes && { Connection: 'close' }),
  });
  if (!closes || request.complete) {
    response.end(body);
    return;
  }
  // Closing a connection with unread bytes resets it, and the client would never see the response.
  response.write(body);
  const end = () => response.end();
  const timer = setTimeout(end, lingerMs);
  response.once('close', () => clearTimeout(timer));
  request.once('end', end).resume();
}

/**
 * Answers what never became a request: it was too slow, too large or not HTTP.
 *
 * @param headers what every response carries
 * @returns the refusal, or undefined if the connection was already gone
 */
export function refuseConnection(
  error: NodeJS.ErrnoException,
  socket: Duplex,
  headers: Record<string, string>,
): HttpError | undefined {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return undefined;
  }
  const refusal = new HttpError(
    error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
      ? 'request_timeout'
      : error.code === 'HPE_HEADER_OVERFLOW'
        ? 'headers_too_large'
        : 'bad_request',
  );
  const body = bodyOf(refusal);
  const lines = Object.entries({
    ...headers,
    Date: new Date().toUTCString(),
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(body),
    Connection: 'close',
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  const response = `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status]}\r\n${lines.join('')}\r\n${body}`;
  // Node no longer watches this connection: a client that keeps its side open would keep it for ever.
  socket.end(response, () => socket.destroy());
  return refusal;
}
