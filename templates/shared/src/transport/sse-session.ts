import type {
  JSONRPCMessage,
  JSONRPCRequest,
  MessageExtraInfo,
  RequestId,
  ScopeChallengeHandler,
  Transport,
} from '@modelcontextprotocol/server';
import type { Caller } from '../auth/authenticate.js';
import type { Metrics } from '../monitoring/metrics.js';
import type { EventStream } from './event-stream.js';
import { insufficientScope, internalError, toJson } from './json-rpc.js';
import type { WriteFailure } from './paced-writer.js';

export type CloseReason =
  | WriteFailure
  | 'credential_expired'
  | 'ping_unanswered'
  | 'server_closed'
  | 'shutdown';

export interface SseSessionOptions {
  sessionId: string;
  /** Who opened the stream; nobody where it needs no credential. */
  caller: Caller | undefined;
  /** Whose limits the session counts against: the caller's id, or the address where no caller is known. */
  client: string;
  stream: EventStream;
  /** What the `endpoint` event says: the path to POST messages to. */
  messageUrl: string;
  metrics: Metrics;
}

/** Server pings have ids that no client could mix up with its own. */
const pingIdPrefix = 'keep-alive-';

/** Pings in a row that may stay unanswered before the client counts as gone. */
const unansweredPings = 2;

/**
 * One client: carries JSON-RPC messages between its event stream and its MCP server.
 * What the client POSTs arrives by `receive`; what the MCP server sends leaves by `send`.
 */
export class SseSession implements Transport {
  // Set by the SDK when an MCP server connects.
  onmessage?: Transport['onmessage'];
  onclose?: Transport['onclose'];
  onerror?: Transport['onerror'];

  readonly sessionId: string;
  readonly client: string;
  readonly openedAt = Date.now();
  /** When the next keep-alive is due, in milliseconds since the epoch; kept by the sessions' timer. */
  keepAliveAt = Infinity;
  /** Why the session is over; undefined while it is open. */
  closeReason: CloseReason | undefined;
  messagesReceived = 0;
  messagesSent = 0;

  #caller: Caller | undefined;
  readonly #stream: EventStream;
  readonly #messageUrl: string;
  readonly #metrics: Metrics;
  #scopeChallenge: ScopeChallengeHandler | undefined;
  /** The client's requests that have no reply yet, and when each tool call began. */
  readonly #running = new Map<RequestId, number>();
  #onIdle: (() => void) | undefined;
  #pingsSent = 0;
  #pingsUnanswered = 0;

  constructor({ sessionId, caller, client, stream, messageUrl, metrics }: SseSessionOptions) {
    this.sessionId = sessionId;
    this.#caller = caller;
    this.client = client;
    this.#stream = stream;
    this.#messageUrl = messageUrl;
    this.#metrics = metrics;
    stream.onclose = (failure) => this.#end(failure ?? 'server_closed');
  }

  get caller(): Caller | undefined {
    return this.#caller;
  }

  async start(): Promise<void> {
    // The first event names the URL to POST to; clients wait for it before they send anything.
    // https://modelcontextprotocol.io/specification/2024-11-05/basic/transports#http-with-sse
    this.#stream.send('endpoint', this.#messageUrl);
  }

  /**
   * Whether this caller may use the session: the one who opened it. When the stream needs no credential, the
   * session belongs to the first caller who is known.
   */
  belongsTo(caller: Caller | undefined): boolean {
    // Without a caller the message endpoint is not protected.
    return caller === undefined || this.#caller === undefined || this.#caller.id === caller.id;
  }

  /** Seconds since the epoch at which the last good credential ends. */
  get expiresAt(): number {
    return this.#caller?.authInfo.expiresAt ?? Infinity;
  }

  /** Hands a message of the client to the MCP server. With a newer credential than the last, the session lasts longer. */
  receive(message: JSONRPCMessage, caller: Caller | undefined = this.#caller): void {
    this.messagesReceived++;
    const isNewer = (caller?.authInfo.expiresAt ?? Infinity) >= this.expiresAt;
    if (isNewer || this.#caller === undefined) this.#caller = caller;
    this.#pingsUnanswered = 0;
    if ('method' in message) {
      if ('id' in message) {
        this.#running.set(message.id, message.method === 'tools/call' ? performance.now() : 0);
      } else if (message.method === 'notifications/cancelled') {
        // A cancelled request gets no reply.
        this.#finished(message.params?.requestId as RequestId);
      }
    } else if (typeof message.id === 'string' && message.id.startsWith(pingIdPrefix)) {
      return; // The reply to a keep-alive ping; an error is as good a sign of life.
    }
    const extra = caller && { authInfo: caller.authInfo };
    const request = 'method' in message && 'id' in message ? message : undefined;
    try {
      const challenge = request && this.#scopeChallenge?.({ ...extra, request });
      if (request && challenge) this.#answerChallenge(request, extra, challenge);
      else this.onmessage?.(message, extra);
    } catch (error) {
      this.#fail(error as Error, request);
    }
  }

  /** Called by the SDK's McpServer when it connects: `resolver` says which scopes a request is short of. */
  setScopeChallengeResolver(resolver: ScopeChallengeHandler): void {
    this.#scopeChallenge = resolver;
  }

  /**
   * Over Streamable HTTP the SDK answers 403 when scopes are missing. A POST here has its 202 already, and some
   * clients give up a session on any other status, so the reply is an error like any other.
   */
  async #answerChallenge(
    request: JSONRPCRequest,
    extra: MessageExtraInfo | undefined,
    challenge: ReturnType<ScopeChallengeHandler>,
  ): Promise<void> {
    try {
      const scopes = (await challenge)?.scopes;
      if (scopes === undefined) this.onmessage?.(request, extra);
      else await this.send(insufficientScope(request, scopes));
    } catch (error) {
      this.#fail(error as Error, request);
    }
  }

  #fail(error: Error, request: JSONRPCRequest | undefined): void {
    this.onerror?.(error);
    // When the client is gone too, there is nobody to tell.
    if (request && this.closeReason === undefined) this.send(internalError(request)).catch(() => {});
  }

  /** Sends a message of the MCP server, at the reader's pace. @throws when the stream is over */
  async send(message: JSONRPCMessage): Promise<void> {
    const json = toJson(message);
    const sent = this.#stream.send('message', json);
    if (!('method' in message) && message.id !== undefined) this.#finished(message.id);
    if (sent !== true && !(await sent)) throw new Error('The session is closed');
    this.messagesSent++;
    this.#metrics.messageDelivered(Buffer.byteLength(json));
  }

  #finished(id: RequestId): void {
    const startedAt = this.#running.get(id);
    if (startedAt) this.#metrics.toolCallFinished((performance.now() - startedAt) / 1000);
    if (this.#running.delete(id) && this.#running.size === 0) this.#onIdle?.();
  }

  /** Resolves when every request of the client has its reply. */
  async idle(): Promise<void> {
    if (this.#running.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
  }

  /** Shows the client and all proxies between that the connection is alive. */
  keepAlive(mode: 'comment' | 'ping'): void {
    if (!this.#stream.isIdle) return; // Bytes that wait say the same.
    if (mode === 'comment') {
      this.#stream.comment(`keep-alive ${new Date().toISOString()}`);
    } else if (this.#pingsUnanswered >= unansweredPings) {
      this.#end('ping_unanswered');
    } else {
      this.#pingsUnanswered++;
      const id = `${pingIdPrefix}${this.sessionId}-${++this.#pingsSent}`;
      this.#stream.send('message', JSON.stringify({ jsonrpc: '2.0', id, method: 'ping' }));
    }
  }

  async close(reason: CloseReason = 'server_closed'): Promise<void> {
    this.#end(reason);
  }

  #end(reason: CloseReason): void {
    if (this.closeReason !== undefined) return;
    this.closeReason = reason;
    this.#stream.end();
    this.#running.clear();
    this.#onIdle?.();
    try {
      this.onclose?.();
    } catch (error) {
      this.onerror?.(error as Error); // What the MCP server does at its end is not ours to know.
    }
  }
}
