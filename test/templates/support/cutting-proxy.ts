import { connect, createServer, type Socket } from 'node:net';

export type CuttingProxy = Awaited<ReturnType<typeof cuttingProxy>>;

/** A connection that can be cut. */
interface Way {
  client: Socket;
  server: Socket;
  /** The part of the next event, from 0 to 1, after which it is cut. */
  cutAt?: number;
  /** Whether the server is not told that it was cut. */
  isHalfOpen?: boolean;
}

/**
 * A proxy that can cut connections that go through it.
 *
 * @param isCut which of them, by the first bytes of a request; the event streams unless it is given
 */
export async function cuttingProxy(
  to: { port: number },
  isCut: (first: string) => boolean = (first) => first.startsWith('GET '),
) {
  const connections = new Set<Way>();
  /** When each path was last asked for, in milliseconds of the monotonic clock. */
  const openedAt = new Map<string, number>();
  let accepted = 0;
  /** How many of the next connections are cut in the middle of the first event that comes on them. */
  let cutNext = 0;

  const proxy = createServer((client) => {
    const server = connect(to.port, '127.0.0.1');
    const way: Way = { client, server };
    client.on('data', (data: Buffer) => {
      // Browsers open streams on connections on which they had sent other requests before.
      const first = data.toString('latin1', 0, 1000);
      if (isCut(first)) {
        openedAt.set(first.split(' ', 2)[1] ?? '', performance.now());
        // Browsers try again at once if nothing came at all.
        if (!connections.has(way) && cutNext-- > 0) way.cutAt = 0.9;
        connections.add(way);
      }
      if (!server.write(data)) client.pause();
    });
    server.on('drain', () => client.resume());
    client.on('end', () => server.end());
    server.on('data', (data: Buffer) => {
      if (!connections.has(way) && String(data).startsWith('HTTP/1.1 202')) accepted++;
      if (way.isHalfOpen) return;
      if (way.cutAt === undefined || !String(data).includes('event: ')) {
        if (!client.write(data)) server.pause();
        return;
      }
      server.destroy();
      client.end(data.subarray(0, data.length * way.cutAt));
    });
    client.on('drain', () => server.resume());
    server.on('end', () => client.end());
    for (const socket of [client, server]) {
      socket.on('error', () => {});
      socket.on('close', () => {
        if (way.isHalfOpen && socket === client) return;
        connections.delete(way);
        // What was written before the end still arrives.
        if (!client.writableEnded) client.destroy();
        server.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const { port } = proxy.address() as { port: number };

  function cut(): void {
    for (const { client, server } of connections) {
      client.destroy();
      server.destroy();
    }
  }

  return {
    port,
    origin: `http://127.0.0.1:${port}`,
    cut,

    /** How many messages were answered with 202. */
    accepted: () => accepted,

    /** When a stream was last asked for by this path and query, in milliseconds of the monotonic clock. */
    openedAt: (path: string) => openedAt.get(path) ?? Number.NaN,

    /** Cuts all at the client's end alone: to the server they look alive. */
    cutHalf(): void {
      for (const way of connections) {
        way.isHalfOpen = true;
        way.client.destroy();
      }
    },

    /** Cuts each when its next event comes, of which its client gets this part, from 0 to 1. */
    cutAtNextEvent(part: number): void {
      for (const way of connections) way.cutAt = part;
    },

    /** Cuts all, and as many of the next ones in the middle of the first event that comes on them. */
    cutTwice(): void {
      cutNext = connections.size;
      cut();
    },

    close(): void {
      cut();
      proxy.close();
    },
  };
}
