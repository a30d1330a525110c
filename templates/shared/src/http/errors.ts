/** How requests are refused: what a client is told, and with which status. */
interface Refusal {
  /** What clients may rely on. Defaults to the name in the table. */
  code?: string;
  status: number;
  /** What is said. `{limit}` stands for the figure that was exceeded. */
  message: string;
  headers?: Readonly<Record<string, string>>;
  /** Whether the message is the whole body, as plain text. */
  plainText?: boolean;
  /** JSON-RPC's own code, where the message itself is at fault. https://www.jsonrpc.org/specification#error_object */
  jsonRpcCode?: number;
}

const closing = { Connection: 'close' };
const retryAfter = (seconds: number) => ({ 'Retry-After': String(seconds) });

/** Every way a request can be refused. */
export const refusals = {
  bad_request: { status: 400, message: 'The request is not valid HTTP' },
  hosts_not_one: {
    code: 'bad_request',
    status: 400,
    message: 'The request must have one Host',
    headers: closing,
  },
  host_malformed: { code: 'bad_request', status: 400, message: 'The Host is not a host name' },
  body_cut_short: { code: 'bad_request', status: 400, message: 'The request was not received whole' },
  connection_shared: { code: 'bad_request', status: 400, message: 'A stream needs a connection of its own' },
  session_id_missing: { status: 400, message: 'The query must have one sessionId' },
  parse_error: { status: 400, message: 'Parse error: the body is not valid JSON', jsonRpcCode: -32700 },
  invalid_message: {
    status: 400,
    message: 'Invalid Request: the body is not one JSON-RPC 2.0 message',
    jsonRpcCode: -32600,
  },
  message_too_deep: {
    code: 'invalid_message',
    status: 400,
    message: 'Invalid Request: arrays and objects may be nested in at most {limit} levels',
    jsonRpcCode: -32600,
  },
  too_many_values: {
    code: 'invalid_message',
    status: 400,
    message: 'Invalid Request: there may be at most {limit} values here',
    jsonRpcCode: -32600,
  },
  too_many_keys: {
    code: 'invalid_message',
    status: 400,
    message: 'Invalid Request: an object may have at most {limit} keys',
    jsonRpcCode: -32600,
  },
  name_too_long: {
    code: 'invalid_message',
    status: 400,
    message: 'Invalid Request: a name may have at most {limit} characters',
    jsonRpcCode: -32600,
  },
  id_too_long: {
    code: 'invalid_message',
    status: 400,
    message: 'Invalid Request: an id may have at most {limit} characters',
    jsonRpcCode: -32600,
  },
  already_initialized: {
    code: 'invalid_message',
    status: 400,
    message: 'Invalid Request: the session is initialized already',
    jsonRpcCode: -32600,
  },
  id_in_use: {
    code: 'invalid_message',
    status: 400,
    message: 'Invalid Request: a request with this id is still running',
    jsonRpcCode: -32600,
  },
  protocol_version_unknown: {
    code: 'bad_request',
    status: 400,
    message: 'This server does not speak the version in MCP-Protocol-Version',
  },
  event_not_found: {
    status: 400,
    message: 'There is nothing to go on with after the event in Last-Event-ID',
  },
  unauthorized: { status: 401, message: 'A valid credential is required' },
  host_not_allowed: {
    status: 403,
    message: 'This server does not answer to the requested Host; ALLOWED_HOSTS names those that it does',
  },
  origin_not_allowed: {
    status: 403,
    message: 'Pages of this Origin may not call this server; ALLOWED_ORIGINS names those that may',
  },
  insufficient_scope: { status: 403, message: 'The credential lacks a scope that this needs' },
  not_found: { status: 404, message: 'There is nothing at this path' },
  // The same for a session that never was, is over, or is another caller's: ids cannot be tried out.
  session_not_found: { status: 404, message: 'There is no such session' },
  method_not_allowed: { status: 405, message: 'This path does not take this method' },
  // Clients that know both transports POST here first. A 405 that is not JSON tells them to GET instead.
  // https://modelcontextprotocol.io/specification/2025-06-18/basic/transports#backwards-compatibility
  post_to_stream: {
    code: 'method_not_allowed',
    status: 405,
    message: 'This is an SSE endpoint: open it with GET\n',
    plainText: true,
  },
  events_not_accepted: { status: 406, message: 'Accept must include text/event-stream' },
  request_timeout: { status: 408, message: 'The request took too long to arrive' },
  message_too_large: { status: 413, message: 'A message may have at most {limit} bytes', headers: closing },
  media_type_not_json: {
    code: 'unsupported_media_type',
    status: 415,
    message: 'Content-Type must be application/json',
  },
  body_encoded: {
    code: 'unsupported_media_type',
    status: 415,
    message: 'Content-Encoding is not supported: send the JSON uncompressed',
  },
  too_many_requests: { status: 429, message: 'A client may send {limit} messages a second' },
  too_many_failures: {
    code: 'too_many_requests',
    status: 429,
    message: 'Too many bad credentials came from this address',
  },
  too_many_calls: {
    code: 'too_many_requests',
    status: 429,
    message: 'A client may have {limit} calls running at once',
    headers: retryAfter(1),
  },
  too_many_bytes: {
    code: 'too_many_requests',
    status: 429,
    message: 'Too much that this client sent is still being read or handled',
    headers: { ...retryAfter(1), ...closing },
  },
  too_many_sessions: {
    status: 429,
    message: 'A client may have {limit} sessions open at once',
    headers: retryAfter(10),
  },
  too_many_subscriptions: {
    code: 'too_many_sessions',
    status: 429,
    message: 'A client may have {limit} subscriptions open at once',
    headers: retryAfter(10),
  },
  headers_too_large: { status: 431, message: 'The headers are too large' },
  internal_error: { status: 500, message: 'The server failed to handle the request' },
  auth_unavailable: {
    status: 503,
    message: 'The credential cannot be checked at the moment',
    headers: retryAfter(5),
  },
  relay_unavailable: {
    status: 503,
    message: 'The session cannot be reached at the moment',
    headers: retryAfter(2),
  },
  server_full: {
    status: 503,
    message: 'The server has no room for another session',
    headers: retryAfter(10),
  },
  server_busy: {
    status: 503,
    message: 'The server has no room for more work at the moment',
    headers: { ...retryAfter(1), ...closing },
  },
  shutting_down: { status: 503, message: 'The server is shutting down', headers: closing },
} as const satisfies Record<string, Refusal>;

export type RefusalName = keyof typeof refusals;

/** What one refusal adds to its entry in the table. */
export interface RefusalDetails {
  /** Fills `{limit}` in the message. */
  limit?: number;
  headers?: Record<string, string>;
  /** What was wrong, for the log alone. */
  reason?: string;
  /** A provider may choose its own status and message (`getAuthError`). */
  status?: number;
  message?: string;
}

/** A refused request. Clients get the message, so it never holds a credential, a body or a stack. */
export class HttpError extends Error {
  readonly code: string;
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly reason: string | undefined;
  readonly plainText: boolean;
  readonly jsonRpcCode: number | undefined;

  constructor(name: RefusalName, details: RefusalDetails = {}) {
    const refusal: Refusal = refusals[name];
    super((details.message ?? refusal.message).replace('{limit}', String(details.limit)));
    this.code = refusal.code ?? name;
    this.status = details.status ?? refusal.status;
    this.headers = { ...refusal.headers, ...details.headers };
    this.reason = details.reason;
    this.plainText = refusal.plainText ?? false;
    this.jsonRpcCode = refusal.jsonRpcCode;
  }
}
