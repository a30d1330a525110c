import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';

/** Every way a request can be refused: the code that clients may rely on, and its HTTP status. */
export const refusals = {
  bad_request: 400,
  session_id_missing: 400,
  parse_error: 400,
  invalid_message: 400,
  unauthorized: 401,
  host_not_allowed: 403,
  origin_not_allowed: 403,
  not_found: 404,
  session_not_found: 404,
  method_not_allowed: 405,
  request_timeout: 408,
  message_too_large: 413,
  unsupported_media_type: 415,
  too_many_requests: 429,
  too_many_sessions: 429,
  headers_too_large: 431,
  internal_error: 500,
  auth_unavailable: 503,
  relay_unavailable: 503,
  server_full: 503,
  shutting_down: 503,
} as const;

export type RefusalCode = keyof typeof refusals;

/** A refused request. The message is sent to the client: it never holds a credential, a body or a stack. */
export class HttpError extends Error {
  readonly status: number;

  constructor(
    readonly code: RefusalCode,
    message: string,
    readonly headers: Record<string, string> = {},
    /** Only where a provider chose its own status (`getAuthError`). */
    status: number = refusals[code],
  ) {
    super(message);
    this.status = status;
  }
}

/** JSON-RPC's own codes for a body that is not a message. https://www.jsonrpc.org/specification#error_object */
const jsonRpcCodes: Partial<Record<RefusalCode, number>> = { parse_error: -32700, invalid_message: -32600 };

/** The body of a refusal; those that concern the JSON-RPC message itself have JSON-RPC's form. */
export function errorBody({ code, message }: HttpError): string {
  const jsonRpcCode = jsonRpcCodes[code];
  return JSON.stringify(
    jsonRpcCode === undefined
      ? { error: { code, message } }
      : { jsonrpc: '2.0', id: null, error: { code: jsonRpcCode, message } },
  );
}

/** Milliseconds that what a refused client still sends is read and thrown away, so that it sees the answer. */
const lingerMs = 1000;

/**
 * Answers a request that is refused.
 *
 * @param headers what every answer to this request carries
 */
export function answerError(
  request: IncomingMessage,
  response: ServerResponse,
  error: HttpError,
  headers: Record<string, string>,
): void {
  const body = errorBody(error);
  // Who asked first whether to send its body may now send it or not: what comes next cannot be told apart.
  const asked = request.headers.expect !== undefined;
  const closes = asked || error.headers.Connection === 'close' || !response.shouldKeepAlive;
  response.writeHead(error.status, {
    ...headers,
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(body),
    ...error.headers,
    ...(closes && { Connection: 'close' }),
  });
  if (!closes || request.complete) {
    response.end(body);
    return;
  }
  // Closing on bytes that were not read resets the connection, and the client would never see the answer.
  response.write(body);
  const end = () => response.end();
  const timer = setTimeout(end, lingerMs);
  response.once('close', () => clearTimeout(timer));
  request.once('end', end).resume();
}

/**
 * Answers what never became a request: it was too slow, too large or not HTTP.
 *
 * @param headers what every answer carries
 */
export function answerClientError(
  error: NodeJS.ErrnoException,
  socket: Duplex,
  headers: Record<string, string>,
): HttpError | undefined {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return undefined;
  }
  const refusal =
    error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
      ? new HttpError('request_timeout', 'The request took too long to arrive')
      : error.code === 'HPE_HEADER_OVERFLOW'
        ? new HttpError('headers_too_large', 'The headers are too large')
        : new HttpError('bad_request', 'The request is not valid HTTP');
  const body = errorBody(refusal);
  const lines = Object.entries({
    ...headers,
    Date: new Date().toUTCString(),
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(body),
    Connection: 'close',
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  const answer = `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status]}\r\n${lines.join('')}\r\n${body}`;
  // Node no longer watches this connection: a client that keeps its side open would keep it for ever.
  socket.end(answer, () => socket.destroy());
  return refusal;
}
