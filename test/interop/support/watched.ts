import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TransportName } from './clients.js';

/** A request that a client made, and how it was answered. */
interface Seen {
  method: string | undefined;
  type: string | undefined;
  /** The version of the protocol that the client names. */
  version: string | string[] | undefined;
  status: number;
}

/** Passes requests on to a server, and notes which transport its client speaks. */
export async function watched(port: number) {
  const answered: Seen[] = [];
  const statuses = new Set<number>();
  const proxy = createServer((incoming, outgoing) => {
    const { method, url, headers } = incoming;
    const passed = request({ port, method, path: url, headers }, (answer) => {
      const { statusCode: status = 0 } = answer;
      statuses.add(status);
      if (status < 300) {
        answered.push({
          method,
          type: answer.headers['content-type'],
          version: headers['mcp-protocol-version'],
          status,
        });
      }
      outgoing.writeHead(status, answer.headers);
      outgoing.flushHeaders();
      answer.pipe(outgoing);
    });
    passed.on('error', () => outgoing.destroy());
    outgoing.on('close', () => passed.destroy());
    incoming.pipe(passed);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));

  return {
    origin: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    /** All that requests were answered with. */
    statuses,
    /** What the last message was sent over; undefined if none was accepted. */
    transport(): TransportName | undefined {
      const message = answered.findLast(({ method }) => method === 'POST');
      if (message === undefined) return undefined;
      if (message.status === 202 && answered.some(({ type }) => type === 'text/event-stream')) return 'SSE';
      return message.version === '2026-07-28' ? 'Streamable HTTP, 2026-07-28' : 'Streamable HTTP, 2025';
    },
    close() {
      proxy.closeAllConnections();
      proxy.close();
    },
  };
}
