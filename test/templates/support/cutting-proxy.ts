import { connect, createServer, type Server, type Socket } from 'node:net';

export type CuttingProxy = Awaited<ReturnType<typeof cuttingProxy>>;

/**
 * A proxy that can cut connections that go through it.
 *
 * @param isCut which of them, by the first bytes of the client; the event streams unless it is given
 */
export async function cuttingProxy(
  to: { port: number },
  isCut: (first: string) => boolean = (first) => first.startsWith('GET '),
) {
  const connections = new Set<{ client: Socket; server: Socket }>();
  const proxy: Server = createServer((client) => {
    const server = connect(to.port, '127.0.0.1');
    const pair = { client, server };
    client.once('data', (first) => {
      if (isCut(String(first))) connections.add(pair);
      server.write(first);
      client.pipe(server);
    });
    server.pipe(client);
    for (const socket of [client, server]) {
      socket.on('error', () => {});
      socket.on('close', () => {
        connections.delete(pair);
        client.destroy();
        server.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const { port } = proxy.address() as { port: number };
  return {
    port,
    origin: `http://127.0.0.1:${port}`,
    cut() {
      for (const { client, server } of connections) {
        client.destroy();
        server.destroy();
      }
    },
    close: () => proxy.close(),
  };
}
