import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

/** Milliseconds for which a connection waits for a server that does not listen, as Caddy's lb_try_duration has it. */
const patience = 10_000;

/** A proxy in front of a port, which waits while nothing listens there, and can cut the event streams that go through it. */
export async function startProxy(port) {
  const streams = new Set();
  const proxy = createServer((client) => {
    const ends = [client];
    const destroy = () => {
      for (const socket of ends) socket.destroy();
      streams.delete(destroy);
    };
    client.on('error', () => {});
    client.once('close', destroy);
    client.once('data', async (first) => {
      client.pause();
      const server = await reach(port);
      if (!server || client.destroyed) return destroy();
      ends.push(server);
      server.on('error', () => {});
      server.once('close', () => client.end());
      if (String(first).startsWith('GET ')) streams.add(destroy);
      server.write(first);
      client.pipe(server);
      server.pipe(client);
    });
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const cut = () => {
    for (const destroy of streams) destroy();
  };
  return {
    origin: `http://127.0.0.1:${proxy.address().port}`,
    cut,
    close() {
      cut();
      proxy.close();
    },
  };
}

/** @returns a connection, or nothing when patience is over */
async function reach(port) {
  for (const startedAt = performance.now(); performance.now() - startedAt < patience; await wait(20)) {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    try {
      await once(socket, 'connect');
      return socket;
    } catch {
      // Not yet.
    }
  }
}
