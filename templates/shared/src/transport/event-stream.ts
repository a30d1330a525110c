import type { ServerResponse } from 'node:http';
import { PacedWriter, type PacedWriterOptions } from './paced-writer.js';

/**
 * One client's stream of server-sent events.
 * https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
export class EventStream extends PacedWriter {
  /** @param headers what the answer carries beside the stream's own */
  constructor(response: ServerResponse, headers: Record<string, string>, options: PacedWriterOptions) {
    super(response, options);
    // The stream lasts as long as its connection, so it needs no chunks: each event is one plain write.
    // The headers leave with the first event, which comes at once. Flushed alone, they would be a write whose end
    // nobody is told of, and on TLS, where no write is over at once, all events would wait for it.
    response.removeHeader('Transfer-Encoding');
    response.writeHead(200, {
      ...headers,
      'Content-Type': 'text/event-stream',
      'Cache-Control': 'no-cache, no-transform',
      // Tells nginx not to hold events back.
      'X-Accel-Buffering': 'no',
      Connection: 'close',
    });
    response.socket?.setNoDelay(true);
    response.socket?.setKeepAlive(true, 60_000);
  }

  /**
   * Sends one event. `data` is one line: JSON without line breaks.
   *
   * @returns as `write` does
   */
  send(event: 'endpoint' | 'message', data: string): boolean | Promise<boolean> {
    return this.write(`event: ${event}\ndata: ${data}\n\n`);
  }

  /** Sends a comment, which every client ignores; proxies see that the connection is alive. */
  comment(text: string): void {
    this.write(`: ${text}\n\n`);
  }
}
