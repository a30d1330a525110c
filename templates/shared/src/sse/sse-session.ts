import type { JSONRPCMessage, JSONRPCRequest, RequestId, Transport } from '@modelcontextprotocol/server';
import { type Caller, ownAuthInfo } from '../auth/caller.ts';
import type { Work } from '../http/work-limits.ts';
import type { RunningHandlers } from '../monitoring/running-handlers.ts';
import { EventLog, type StoredEvent } from '../sessions/event-log.ts';
import { internalError, isReplyTo, isRequest, toCheckable, toSendable } from '../sessions/json-rpc.ts';
import { type CloseReason, replyToLostCall, type Session, type SharedByAll } from '../sessions/session.ts';
import { logId, longestReconnectMs } from '../sessions/sessions.ts';
import type { Stream } from '../sessions/stream.ts';

export interface SseSessionOptions {
  sessionId: string;
  /** Who opened the stream; undefined where it needs no credential. */
  caller: Caller | undefined;
  client: string;
  stream: Stream;
  /** The path to POST messages to, with the session's id: what the `endpoint` event says. */
  messageUrl: string;
  /** What its MCP server is doing. */
  handlers: RunningHandlers;
  /** Whether its client is an SDK of which it depends on the version whether it says that it reconnects. */
  mayBeOldSdk: boolean;
}

/** Server pings have ids that no client could confuse with its own. */
const pingIdPrefix = 'keep-alive-';

/** Consecutive pings that may stay unanswered before the client counts as gone. */
const maxUnansweredPings = 2;

/** Milliseconds before the end of a stream in which what was written may not have arrived. */
const uncertainMs = 1500;

/** The first protocol version whose SDK clients name it when they reconnect: SDK 1.13 was the first with both. */
const firstAnnounced = '2025-06-18';

/**
 * One client: carries JSON-RPC messages between its event stream and its MCP server.
 * What the client POSTs arrives by `receive`; what the MCP server sends leaves by `send`, or waits while there is no stream.
 */
export class SseSession implements Transport, Session {
  // Set by the SDK when an MCP server connects.
  onmessage?: Transport['onmessage'];
  onclose?: (() => void) | undefined;
  onerror?: ((error: Error) => void) | undefined;

  readonly transport = 'sse';
  readonly sessionId: string;
  readonly client: string;
  waitingSince: number | undefined;
  closeReason: string | undefined;
  messagesReceived = 0;
  messagesSent = 0;

  protected stream: Stream | undefined;
  protected readonly shared: SharedByAll;
  protected readonly events: EventLog;
  /** The client's requests that have no reply yet, and what each holds until then. */
  protected readonly running = new Map<RequestId, Work | undefined>();
  #caller: Caller | undefined;
  readonly #messageUrl: string;
  /** Work of calls whose id came again: which reply is whose cannot be told, so they count until the session ends. */
  readonly #replaced: [RequestId, Work][] = [];
  readonly #handlers: RunningHandlers;
  readonly #mayBeOldSdk: boolean;
  /** What its client and the MCP server agreed on; undefined if the client has not initialised this session. */
  #protocolVersion: string | undefined;
  #onIdle: (() => void) | undefined;
  #pingsSent = 0;
  #pingsUnanswered = 0;

  /** @param events what it keeps of what it sends */
  constructor(options: SseSessionOptions, shared: SharedByAll, events = new EventLog(shared.storage)) {
    this.sessionId = options.sessionId;
    this.#caller = options.caller;
    this.client = options.client;
    this.#messageUrl = options.messageUrl;
    this.#handlers = options.handlers;
    this.#mayBeOldSdk = options.mayBeOldSdk;
    this.shared = shared;
    this.events = events;
    this.#take(options.stream);
  }

  async start(): Promise<void> {
    this.#sendEndpoint(0);
  }

  /** Called by the MCP server. */
  setProtocolVersion(version: string): void {
    this.#protocolVersion = version;
  }

  /** A session belongs to the caller who opened its stream; if that needed no credential, to the first caller known. */
  belongsTo(caller: Caller | undefined): boolean {
    // Without a caller the message endpoint is not protected.
    return caller === undefined || this.#caller === undefined || this.#caller.id === caller.id;
  }

  get patience() {
    return this.shared.patience;
  }

  get expiresAt(): number {
    return this.#caller?.authInfo.expiresAt ?? Infinity;
  }

  /**
   * Goes on over a new stream; one that the session still has ends.
   *
   * @param lastEvent the number of the last event that the client got; undefined if it does not say
   */
  resume(stream: Stream, caller: Caller | undefined, lastEvent: number | undefined): void {
    const sent = this.switchTo(stream, caller, lastEvent);
    const by = lastEvent === undefined ? 'answer' : 'event';
    this.shared.metrics.sessionResumed(by);
    this.shared.log.info({ session: logId(this), client: this.client, by, sent }, 'session resumed');
  }

  /** Sends over this stream from now on, first what the client may lack. @returns how many messages those were */
  protected switchTo(stream: Stream, caller: Caller | undefined, lastEvent: number | undefined): number {
    const missed = lastEvent === undefined ? this.#lacking() : this.events.after(lastEvent);
    const before = this.stream;
    this.#noteCaller(caller);
    this.#take(stream);
    before?.end();
    // The oldest clients keep the lines of an event in which they were cut off; an empty line ends it.
    if (lastEvent !== undefined) stream.comment('resumed');
    this.#sendEndpoint(missed[0] ? missed[0].number - 1 : this.events.lastNumber);
    for (const { number, json } of missed) stream.send('message', json, `${this.sessionId}:${number}`);
    this.events.noteWritten(this.events.unwritten());
    this.#pingsUnanswered = 0;
    return missed.length;
  }

  receive(message: JSONRPCMessage, caller: Caller | undefined = this.#caller, work?: Work): void {
    this.messagesReceived++;
    this.#noteCaller(caller);
    this.#pingsUnanswered = 0;
    const isCall = isRequest(message);
    if (!isCall) work?.end();
    if (isReplyTo(pingIdPrefix, message)) return; // An error is as good a sign of life as a result.
    if (isCall) this.#noteRunning(message, work);
    // A cancelled request gets no reply.
    else if ('method' in message && message.method === 'notifications/cancelled') {
      this.#finish(message.params?.requestId as RequestId);
    }
    try {
      this.onmessage?.(isCall ? message : toCheckable(message), caller && { authInfo: ownAuthInfo(caller) });
    } catch (error) {
      this.onerror?.(error as Error);
      if (isCall) this.send(internalError(message)).catch(() => {}); // The client left.
    }
  }

  /** Sends a message of the MCP server, at the reader's pace. @throws when the session is over */
  async send(message: JSONRPCMessage): Promise<void> {
    if (this.closeReason !== undefined) throw new Error('The session is closed');
    const { json } = toSendable(message);
    // A stream may be over before this session has heard of it.
    const stream = this.stream?.isOver ? undefined : this.stream;
    const number = this.events.add(message, json, stream !== undefined, this.shared.storage.now);
    if (stream) stream.send('message', json, `${this.sessionId}:${number}`);
    else this.keepWaiting(this.shared.maxBufferedBytes);
    if (!('method' in message) && message.id !== undefined) this.#finish(message.id);
    if (stream?.isBehind) await stream.flushed();
    if (this.closeReason !== undefined) throw new Error('The session is closed');
    this.messagesSent++;
    this.shared.metrics.messageDelivered(Buffer.byteLength(json));
  }

  async idle(): Promise<void> {
    if (this.running.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
  }

  keepAlive(mode: 'comment' | 'ping'): void {
    if (this.stream === undefined || this.stream.isBehind) return; // Bytes that wait say the same.
    if (mode === 'comment') {
      this.stream.comment(`keep-alive ${new Date().toISOString()}`);
    } else if (this.#pingsUnanswered >= maxUnansweredPings) {
      this.end('ping_unanswered');
    } else {
      this.#pingsUnanswered++;
      const id = `${pingIdPrefix}${this.sessionId}-${++this.#pingsSent}`;
      this.stream.send('message', JSON.stringify({ jsonrpc: '2.0', id, method: 'ping' }));
    }
  }

  get isRunning(): boolean {
    return this.running.size > 0;
  }

  get storedBytes(): number {
    return this.events.bytes;
  }

  get hasToDeliver(): boolean {
    return this.isRunning || this.events.hasUnwritten;
  }

  get mayReturnUnannounced(): boolean {
    if (!this.#mayBeOldSdk) return false;
    const isCut = this.waitingSince !== undefined;
    // Newer SDKs name the version too, but not before they have the reply to `initialize`.
    const isNewer = (this.#protocolVersion ?? '') >= firstAnnounced;
    if (isNewer && !(isCut && this.messagesReceived === 1)) return false;
    // The client may have seen its stream end of which nothing has been heard here.
    const since = isCut ? undefined : performance.now() - longestReconnectMs;
    return this.hasToDeliver || this.#lacking(since).length > 0;
  }

  /** The stream ends. The client comes back with a newer credential, as after a cut; its calls go on meanwhile. */
  expire(): void {
    if (!this.shared.canWait) return void this.close('credential_expired');
    const { log } = this.shared;
    log.info({ session: logId(this), client: this.client }, 'stream ended: its credential expired');
    this.endStream();
  }

  forgetBefore(at: number): void {
    // What was written shortly before the stream was cut may have to be sent again.
    if (this.waitingSince === undefined) this.events.forgetBefore(at);
  }

  /** Ends the session. Calls that still run are answered with an error. */
  async close(reason: CloseReason = 'server_closed'): Promise<void> {
    if (this.closeReason !== undefined) return;
    for (const id of this.running.keys()) {
      this.stream?.send('message', JSON.stringify(replyToLostCall(id, reason)));
    }
    this.end(reason);
  }

  /** What the client may not have got, as far as it does not say what it has: of a stream that looks alive, anything. */
  #lacking(since = (this.waitingSince ?? -Infinity) - uncertainMs): StoredEvent[] {
    return this.events.uncertain(since, this.messagesReceived > 1);
  }

  #take(stream: Stream): void {
    this.stream = stream;
    this.waitingSince = undefined;
    stream.onclose = (failure) => {
      if (this.stream !== stream) return; // Another took its place.
      if (failure === 'client_gone' && this.shared.canWait) this.#wait();
      else this.end(failure ?? 'server_closed');
    };
  }

  /** As if the stream was cut. */
  protected endStream(): void {
    const stream = this.stream;
    this.#wait();
    stream?.end();
  }

  /** The stream was cut: calls go on, and what they send waits for the client to come back. */
  #wait(): void {
    this.stream = undefined;
    this.waitingSince = performance.now();
  }

  /** Ends the session if more bytes wait for its client than may. */
  protected keepWaiting(mostBytes: number): void {
    if (!this.shared.canWait || this.events.bytes > mostBytes || this.events.isStorageFull)
      this.end('reader_too_slow');
  }

  /** @param number of the event before it, which a client names that is cut off after it */
  #sendEndpoint(number: number): void {
    // The first event names the URL to POST to; clients wait for it before they send anything.
    // https://modelcontextprotocol.io/specification/2024-11-05/basic/transports#http-with-sse
    this.stream?.send('endpoint', this.#messageUrl, `${this.sessionId}:${number}`);
  }

  /** With a newer credential than the last, the session lasts longer. */
  #noteCaller(caller: Caller | undefined): void {
    const isNewer = (caller?.authInfo.expiresAt ?? Infinity) >= this.expiresAt;
    if (isNewer || this.#caller === undefined) this.#caller = caller;
  }

  #noteRunning({ id }: JSONRPCRequest, work: Work | undefined): void {
    const earlier = this.running.get(id);
    if (earlier) this.#replaced.push([id, earlier]);
    this.running.set(id, work);
  }

  #finish(id: RequestId): void {
    this.running.get(id)?.endAfter(this.#handlers.get(id));
    if (this.running.delete(id) && this.running.size === 0) this.#onIdle?.();
  }

  protected end(reason: string): void {
    if (this.closeReason !== undefined) return;
    this.closeReason = reason;
    this.stream?.end();
    this.events.clear();
    for (const [id, work] of [...this.running, ...this.#replaced]) work?.endAfter(this.#handlers.get(id));
    this.#replaced.length = 0;
    this.running.clear();
    this.#onIdle?.();
    try {
      this.onclose?.();
    } catch (error) {
      this.onerror?.(error as Error); // How the MCP server ends is its own concern.
    }
  }
}
