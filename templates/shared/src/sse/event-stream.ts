import type { ServerResponse } from 'node:http';
import { PacedWriter, type PacedWriterOptions } from '../http/paced-writer.ts';

/**
 * One client's stream of server-sent events.
 * https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
export class EventStream extends PacedWriter {
  /** @param headers what the response carries besides the stream's own */
  constructor(response: ServerResponse, headers: Record<string, string>, options: PacedWriterOptions) {
    super(response, options);
    // The stream lasts as long as its connection, so it needs no chunks: each event is one plain write.
    // The headers leave with the first event, which comes at once. Flushed alone, they would be a write without a
    // callback, and on TLS, where no write completes immediately, all events would wait for it.
    response.removeHeader('Transfer-Encoding');
    response.writeHead(200, {
      ...headers,
      'Content-Type': 'text/event-stream',
      'Cache-Control': 'no-cache, no-transform',
      // Tells nginx not to buffer events.
      'X-Accel-Buffering': 'no',
      Connection: 'close',
    });
    response.socket?.setNoDelay(true);
    response.socket?.setKeepAlive(true, 60_000);
  }

  /**
   * Sends one event. `data` is one line: JSON without line breaks.
   *
   * @returns false if the stream is over
   */
  send(event: 'endpoint' | 'message', data: string): boolean {
    return this.write(`event: ${event}\ndata: ${data}\n\n`);
  }

  /** Sends a comment, which every client ignores; proxies see that the connection is alive. */
  comment(text: string): void {
    this.write(`: ${text}\n\n`);
  }
}
