import type {
  JSONRPCMessage,
  JSONRPCRequest,
  McpServer,
  RequestId,
  Transport,
  TransportSendOptions,
} from '@modelcontextprotocol/server';
import { type Caller, ownAuthInfo } from '../auth/caller.ts';
import type { Work } from '../http/work-limits.ts';
import { type RunningHandlers, settled } from '../monitoring/running-handlers.ts';
import { EventLog } from '../sessions/event-log.ts';
import type { EventStream } from '../sessions/event-stream.ts';
import { errorReply, internalError, isRequest, toCheckable, toSendable } from '../sessions/json-rpc.ts';
import { type CloseReason, replyToLostCall, type Session, type SharedByAll } from '../sessions/session.ts';
import { logId } from '../sessions/sessions.ts';

export interface HttpSessionOptions {
  sessionId: string;
  /** Who initialized it; undefined where that needs no credential. */
  caller: Caller | undefined;
  client: string;
  /** What its MCP server is doing. */
  handlers: RunningHandlers;
}

/** The number of the stream that a client opens with GET. The responses to its POSTs are 1, 2, 3 … */
const ownStream = 0;

/** From this version on clients take an event without data, by whose id they come back when their stream is cut early. */
const firstPrimedVersion = '2025-11-25';

/** When a client whose connection the server ends should come back. */
const retryMs = 1000;

/** What the server sends to one request of the client, whichever connection carries it. */
interface Stream {
  readonly number: number;
  /** Undefined while it is cut off. */
  writer?: EventStream | undefined;
  /** Since when it is cut off, in milliseconds of the monotonic clock. */
  cutAt: number;
  /** The client's requests that have no reply yet. */
  readonly requests: Set<RequestId>;
  /** Ends when none of its requests is worked on any more. */
  readonly work: Work | undefined;
  readonly requestIds: readonly RequestId[];
}

/**
 * One client of the Streamable HTTP of 2025: carries JSON-RPC messages between its requests and its MCP server.
 *
 * The SDK has such a transport too. In that one a tool is not held back by a slow reader, a cancelled call keeps its
 * response open for ever, and a client that comes back before its old connection is known to be dead is refused.
 * https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#streamable-http
 */
export class HttpSession implements Transport, Session {
  // Set by the SDK when an MCP server connects.
  onmessage?: Transport['onmessage'];
  onclose?: (() => void) | undefined;
  onerror?: ((error: Error) => void) | undefined;

  readonly transport = 'streamable-http';
  readonly sessionId: string;
  readonly client: string;
  closeReason: CloseReason | undefined;
  messagesReceived = 0;
  messagesSent = 0;
  /** What client and server agreed on. */
  protocolVersion = '';
  /** Finds out which scopes a request lacks; undefined if nothing needs any. */
  scopeChallenge: McpServer['resolveScopeChallenge'] | undefined;

  #caller: Caller | undefined;
  readonly #shared: SharedByAll;
  readonly #events: EventLog;
  readonly #handlers: RunningHandlers;
  /** The streams that are not over. */
  readonly #streams = new Map<number, Stream>();
  #lastStream = ownStream;
  /** The client's requests that have no reply yet, and where the reply goes. */
  readonly #running = new Map<RequestId, Stream>();
  #onIdle: (() => void) | undefined;
  /** Connections that carry a stream. */
  #open = 0;
  /** When the client sent something or lost its last connection, in milliseconds of the monotonic clock. */
  #activeAt = performance.now();

  constructor({ sessionId, caller, client, handlers }: HttpSessionOptions, shared: SharedByAll) {
    this.sessionId = sessionId;
    this.#caller = caller;
    this.client = client;
    this.#handlers = handlers;
    this.#shared = shared;
    this.#events = new EventLog(shared.storage);
    // Clients open it a moment after they initialized; what is sent before that waits.
    this.#addStream(ownStream);
  }

  async start(): Promise<void> {}

  setProtocolVersion(version: string): void {
    this.protocolVersion = version;
  }

  setScopeChallengeResolver(resolve: McpServer['resolveScopeChallenge']): void {
    this.scopeChallenge = resolve;
  }

  belongsTo(caller: Caller | undefined): boolean {
    return this.#caller?.id === caller?.id;
  }

  get expiresAt(): number {
    return this.#caller?.authInfo.expiresAt ?? Infinity;
  }

  get waitingSince(): number | undefined {
    return this.#open > 0 ? undefined : this.#activeAt;
  }

  get patience() {
    return this.#shared.patience;
  }

  get isRunning(): boolean {
    return this.#running.size > 0;
  }

  get storedBytes(): number {
    return this.#events.bytes;
  }

  get hasToDeliver(): boolean {
    return this.isRunning || this.#events.hasUnwritten;
  }

  /** Whether a request with this id has no reply yet. */
  runs(id: RequestId): boolean {
    return this.#running.has(id);
  }

  /** Hands the client's notifications and replies to the MCP server. */
  receive(messages: JSONRPCMessage[], caller: Caller | undefined): void {
    this.#noteCaller(caller);
    for (const message of messages) this.#receive(message, caller);
  }

  /**
   * Hands requests, and what came with them, to the MCP server.
   *
   * @param writer the response, on which the replies go
   * @param work ends with the last reply
   */
  answer(messages: JSONRPCMessage[], caller: Caller | undefined, writer: EventStream, work: Work): void {
    const requests = messages.filter(isRequest);
    const stream = this.#addStream(++this.#lastStream, requests, work);
    this.#take(stream, writer);
    const isPrimed = this.#shared.canWait && this.protocolVersion >= firstPrimedVersion;
    if (isPrimed) writer.sendId(`${stream.number}-0`);
    this.#noteCaller(caller);
    // A tool may let go of its client, which then comes back for the reply.
    for (const message of messages)
      this.#receive(message, caller, isPrimed ? () => this.#letGo(stream) : undefined);
  }

  /**
   * Goes on with a stream over another connection.
   *
   * @param lastEvent the last event that the client got; undefined if it names none, and opens the stream of its own
   */
  resume(lastEvent: EventPlace | undefined, caller: Caller | undefined, writer: EventStream): void {
    const { stream: number, number: after } = lastEvent ?? { stream: ownStream, number: undefined };
    const missed = after === undefined ? this.#events.unwritten(number) : this.#events.after(after, number);
    // A stream that is over has no more than what is kept of it.
    const stream =
      this.#streams.get(number) ?? (number === ownStream ? this.#addStream(ownStream) : newStream(number));
    const before = stream.writer;
    this.#noteCaller(caller);
    this.#take(stream, writer);
    before?.end();
    // The client waits for the headers, which leave with the first bytes.
    if (missed.length === 0) writer.comment('open');
    for (const event of missed) writer.send('message', event.json, `${number}-${event.number}`);
    this.#events.noteWritten(this.#events.unwritten(number));
    if (number !== ownStream && stream.requests.size === 0) this.#endStream(stream);
    if (lastEvent === undefined) return;
    this.#shared.metrics.sessionResumed('event');
    this.#shared.log.info(
      { session: logId(this), client: this.client, by: 'event', sent: missed.length },
      'session resumed',
    );
  }

  /** The event that a client says it got last; undefined if its stream is not known, or not any more. */
  placeOf(lastEventId: string): EventPlace | undefined {
    const [, stream, number] = /^(\d{1,15})-(\d{1,15})$/.exec(lastEventId) ?? [];
    const place = { stream: Number(stream), number: Number(number) };
    if (!this.#shared.canWait || stream === undefined) return undefined;
    const isKnown =
      place.stream === ownStream || this.#streams.has(place.stream) || this.#events.has(place.stream);
    return isKnown ? place : undefined;
  }

  /** Sends a message of the MCP server, at the reader's pace. @throws when the session is over */
  async send(message: JSONRPCMessage, options?: TransportSendOptions): Promise<void> {
    if (this.closeReason !== undefined) throw new Error('The session is closed');
    const isReply = !('method' in message);
    const stream = isReply
      ? this.#running.get(message.id as RequestId)
      : this.#streamFor(options?.relatedRequestId);
    if (stream === undefined) {
      if (isReply || !('id' in message)) return; // Its call is over, or the client does not listen.
      throw new Error('The client has no stream open on which it could be asked');
    }
    const { json } = toSendable(message);
    // A connection may be over before this session has heard of it.
    const writer = stream.writer?.isOver ? undefined : stream.writer;
    const { canWait, maxBufferedBytes, storage, metrics } = this.#shared;
    const number = this.#events.add(message, json, writer !== undefined, storage.now, stream.number);
    if (writer) writer.send('message', json, canWait ? `${stream.number}-${number}` : '');
    else if (this.#events.bytes > maxBufferedBytes || this.#events.isStorageFull)
      this.#giveUp(stream, 'too_much_waits');
    if (isReply) this.#finish(message.id as RequestId, writer !== undefined);
    if (writer?.isBehind) await writer.flushed();
    this.messagesSent++;
    metrics.messageDelivered(Buffer.byteLength(json));
  }

  async idle(): Promise<void> {
    if (this.#running.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
  }

  /** Pings would tell no more: a client may have no stream open at all. */
  keepAlive(): void {
    for (const { writer } of this.#streams.values()) {
      if (writer && !writer.isBehind) writer.comment(`keep-alive ${new Date().toISOString()}`);
    }
  }

  /**
   * The client may come back with a newer credential. What it asked for while the old one was good is answered: version 1
   * of the SDK's client forgets which response it waits for when it has to log in on its way back.
   */
  expire(): void {
    const own = this.#streams.get(ownStream);
    if (own) this.#letGo(own);
  }

  forgetBefore(at: number): void {
    this.#events.forgetBefore(at);
    for (const stream of this.#streams.values()) {
      if (!stream.writer && stream.cutAt < at) this.#giveUp(stream, 'client_gone');
    }
  }

  /** Ends the session. Calls that still run are answered with an error. */
  async close(reason: CloseReason = 'server_closed'): Promise<void> {
    if (this.closeReason !== undefined) return;
    this.closeReason = reason;
    for (const [id, { writer }] of this.#running) {
      writer?.send('message', JSON.stringify(replyToLostCall(id, reason)));
    }
    for (const stream of this.#streams.values()) {
      this.#endWork(stream);
      this.#endStream(stream);
    }
    this.#running.clear();
    this.#events.clear();
    this.#onIdle?.();
    try {
      this.onclose?.();
    } catch (error) {
      this.onerror?.(error as Error); // How the MCP server ends is its own concern.
    }
  }

  #receive(message: JSONRPCMessage, caller = this.#caller, closeSSEStream?: () => void): void {
    this.messagesReceived++;
    const extra = {
      ...(caller && { authInfo: ownAuthInfo(caller) }),
      ...(closeSSEStream && { closeSSEStream }),
    };
    try {
      this.onmessage?.(isRequest(message) ? message : toCheckable(message), extra);
    } catch (error) {
      this.onerror?.(error as Error);
      if (isRequest(message)) this.send(internalError(message)).catch(() => {}); // The client left.
    }
    // The SDK does not reply to a cancelled request. But a response that ends without a reply brings the client back.
    if ('method' in message && message.method === 'notifications/cancelled') {
      const id = message.params?.requestId as RequestId;
      if (this.#running.has(id)) this.send(errorReply(id, 'The call was cancelled', -32000)).catch(() => {});
    }
  }

  /** With a newer credential than the last, the session lasts longer. */
  #noteCaller(caller: Caller | undefined): void {
    this.#activeAt = performance.now();
    if ((caller?.authInfo.expiresAt ?? Infinity) >= this.expiresAt) this.#caller = caller;
  }

  #addStream(number: number, requests: JSONRPCRequest[] = [], work?: Work): Stream {
    const stream = newStream(number, requests, work);
    this.#streams.set(number, stream);
    for (const { id } of requests) this.#running.set(id, stream);
    return stream;
  }

  #take(stream: Stream, writer: EventStream): void {
    stream.writer = writer;
    this.#open++;
    writer.onclose = (failure) => {
      this.#open--;
      this.#activeAt = performance.now();
      // Otherwise another took its place, or none is needed any more.
      if (failure === undefined || stream.writer !== writer) return;
      if (failure === 'client_gone' && this.#shared.canWait) this.#wait(stream);
      else this.#giveUp(stream, failure);
    };
  }

  #wait(stream: Stream): void {
    stream.writer = undefined;
    stream.cutAt = performance.now();
  }

  /**
   * Ends the connection of a stream, which the client may open again.
   * https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#sending-messages-to-the-server
   */
  #letGo(stream: Stream): void {
    const { writer } = stream;
    if (!writer) return;
    this.#wait(stream);
    writer.sendRetry(retryMs);
    writer.end();
  }

  /** What a message without a reply goes on: the call that it belongs to, if that is not over. */
  #streamFor(relatedRequestId: RequestId | undefined): Stream | undefined {
    const related = relatedRequestId === undefined ? undefined : this.#running.get(relatedRequestId);
    const own = this.#streams.get(ownStream);
    if (related || own?.writer) return related ?? own;
    // A client that has not opened the stream of its own reads the responses to its requests.
    for (const stream of this.#running.values()) if (stream.writer) return stream;
    return own;
  }

  #finish(id: RequestId, isWritten: boolean): void {
    const stream = this.#running.get(id);
    if (!stream) return;
    this.#running.delete(id);
    stream.requests.delete(id);
    if (stream.requests.size === 0) {
      this.#endWork(stream);
      if (isWritten) this.#endStream(stream); // Else it waits for its client, as the reply does.
    }
    if (this.#running.size === 0) this.#onIdle?.();
  }

  #endWork({ work, requestIds }: Stream): void {
    work?.endAfter(settled(this.#handlers, requestIds));
  }

  #endStream(stream: Stream): void {
    const { writer } = stream;
    stream.writer = undefined;
    this.#streams.delete(stream.number);
    writer?.end();
  }

  /** The client does not come back for a stream: its calls are cancelled, and what waits is forgotten. */
  #giveUp(stream: Stream, reason: string): void {
    const calls = [...stream.requests];
    if (calls.length > 0 || reason !== 'client_gone') {
      this.#shared.log.info(
        { session: logId(this), client: this.client, reason, calls: calls.length },
        'reply cut off',
      );
    }
    this.#endStream(stream);
    this.#events.drop(stream.number);
    this.#endWork(stream);
    for (const requestId of calls) {
      this.#running.delete(requestId);
      this.onmessage?.({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId, reason } });
    }
    if (this.#running.size === 0) this.#onIdle?.();
  }
}

/** Where in a session an event is. */
export interface EventPlace {
  readonly stream: number;
  readonly number: number;
}

function newStream(number: number, requests: JSONRPCRequest[] = [], work?: Work): Stream {
  const requestIds = requests.map(({ id }) => id);
  return { number, cutAt: performance.now(), requests: new Set(requestIds), work, requestIds };
}
