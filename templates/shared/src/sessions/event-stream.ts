import type { ServerResponse } from 'node:http';
import { PacedWriter, type PacedWriterOptions } from '../http/paced-writer.ts';
import { withoutLineBreaks } from './json-rpc.ts';

/**
 * One client's stream of server-sent events.
 * https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
export class EventStream extends PacedWriter {
  /** Whether events are framed as chunks; HTTP/1.0 has none, and ends a body by closing the connection. */
  readonly #isChunked: boolean;

  /**
   * @param headers what the response carries besides the stream's own
   * @param isLasting whether it goes on until one side has had enough; else other requests follow on its connection
   */
  constructor(
    response: ServerResponse,
    headers: Record<string, string>,
    options: PacedWriterOptions,
    isLasting = true,
  ) {
    super(response, options);
    this.#isChunked = response.req.httpVersion !== '1.0';
    // The headers leave with the first event, which comes at once. Flushed alone, they would be a write without a
    // callback, and on TLS, where no write completes immediately, all events would wait for it.
    response.writeHead(200, {
      ...headers,
      'Content-Type': 'text/event-stream',
      'Cache-Control': 'no-cache, no-transform',
      // Tells nginx not to buffer events.
      'X-Accel-Buffering': 'no',
      ...(isLasting && { Connection: 'close' }),
    });
    // Node would make four writes of each event. Framed here, each is one.
    response.chunkedEncoding = false;
    response.socket?.setNoDelay(true);
    response.socket?.setKeepAlive(true, 60_000);
  }

  /**
   * Sends one event. `data` is one line: JSON without line breaks.
   *
   * @param id names it for a client that reconnects (`Last-Event-ID`); empty for none
   * @returns false if the stream is over
   */
  send(event: 'endpoint' | 'message', data: string, id = ''): boolean {
    // Last, because the oldest SDK names an event as soon as it has read this line, though it was cut off before the end.
    const idLine = id === '' ? '' : `id: ${id}\n`;
    return this.#writeFramed(`event: ${event}\ndata: ${withoutLineBreaks(data)}\n${idLine}\n`);
  }

  /** Sends only an id: a client that is cut off before the first event can name it. */
  sendId(id: string): void {
    this.#writeFramed(`id: ${id}\ndata: \n\n`);
  }

  /** Says when the client should come back, in milliseconds. Some clients of HTTP+SSE break on it. */
  sendRetry(ms: number): void {
    this.#writeFramed(`retry: ${ms}\n\n`);
  }

  /** Sends a comment, which every client ignores; proxies see that the connection is alive. */
  comment(text: string): void {
    this.#writeFramed(`: ${text}\n\n`);
  }

  override end(): void {
    if (this.#isChunked) this.write('0\r\n\r\n');
    super.end();
  }

  #writeFramed(text: string): boolean {
    if (!this.#isChunked) return this.write(text);
    return this.write(`${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`); // RFC 9112, section 7.1
  }
}
