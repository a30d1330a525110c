import { Client as Client2, StreamableHTTPClientTransport as Http2 } from '@modelcontextprotocol/client';
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as Http1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { beforeAll, describe, expect, test } from 'vitest';
import { call, callTool, metric } from '../templates/support/client.js';
import { initialize, openHttpSession, postMcp } from '../templates/support/http-session.js';
import { alice, type Cluster, keepCluster, startCluster } from './support/cluster.js';
import { type Configuration, startNginx } from './support/nginx.js';

// A session over Streamable HTTP lives in one process. Its id begins with that one's name, by which nginx routes.

let cluster: Cluster;
beforeAll(async () => {
  const { stop, ...started } = await keepCluster({ RESUME_SECONDS: '10' });
  cluster = started;
  return stop;
});

const nodeOf = ({ id }: { id: string }) => id.split('.')[0] as string;
const ping = call(1, 'ping');

describe.each<Configuration>(['README', 'compose'])('with the nginx configuration of %s', (configuration) => {
  let nginx: Awaited<ReturnType<typeof startNginx>>;
  beforeAll(async () => {
    nginx = await startNginx(
      cluster.nodes.map(({ port }) => port),
      configuration,
    );
    return async () => void (await nginx.stop());
  });

  test('every request of a session comes to its process, whichever that is', async () => {
    const owners = new Set<string>();
    for (let i = 0; i < 6; i++) {
      const session = await openHttpSession(nginx, alice);
      owners.add(nodeOf(session));
      for (let id = 0; id < 4; id++) expect((await session.post(call(id, 'ping'))).status).toBe(200);
      const stream = await session.listen();
      await stream.comment();
      await session.post(callTool(1, 'grow'));
      await stream.notification('notifications/tools/list_changed');
      expect((await session.end()).status).toBe(204);
    }
    expect(owners).toEqual(new Set(['a', 'b', 'c']));
  });

  test('requests without a session are shared among the processes', async () => {
    const received = () =>
      Promise.all(cluster.nodes.map((node) => metric(node, 'mcp_messages_received_total', alice)));
    const before = await received();
    for (let id = 0; id < 6; id++) expect((await postMcp(nginx, call(id, 'ping'), alice)).status).toBe(200);
    const added = (await received()).map((count, i) => count - (before[i] as number));
    expect(added).toEqual([2, 2, 2]);
  });

  test('a session of a process that no longer exists is answered 404, so that its client begins again', async () => {
    const gone = { ...alice, 'Mcp-Session-Id': 'gone.AAAAAAAAAAAAAAAAAAAAAA' };
    expect((await postMcp(nginx, ping, gone)).status).toBe(404);
  });
});

type Asked = { content: [{ text: string }] };
const identity = { name: 'test', version: '0.1.0' };
const about = { capabilities: { roots: {} } };
const ask = { name: 'ask', arguments: { method: 'roots/list', params: {} } };
const clients: Record<string, (url: URL) => Promise<{ ask(): Promise<unknown>; close(): Promise<void> }>> = {
  async '@modelcontextprotocol/sdk (version 1)'(url) {
    const { ListRootsRequestSchema } = await import('@modelcontextprotocol/sdk/types.js');
    const client = new Client1(identity, about);
    client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: 'file:///home/ada' }] }));
    const transport = new Http1(url, { requestInit: { headers: alice } });
    await client.connect(transport as Parameters<Client1['connect']>[0]);
    return { ask: () => client.callTool(ask), close: () => client.close() };
  },
  async '@modelcontextprotocol/client (version 2)'(url) {
    const client = new Client2(identity, { ...about, versionNegotiation: { mode: 'legacy' } });
    client.setRequestHandler('roots/list', () => ({ roots: [{ uri: 'file:///home/ada' }] }));
    await client.connect(new Http2(url, { requestInit: { headers: alice } }));
    return { ask: () => client.callTool(ask), close: () => client.close() };
  },
};

test.each(Object.entries(clients))(
  'tools of every process can ask unmodified clients of %s',
  async (_, connect) => {
    const all = await Promise.all(
      [1, 2, 3, 4, 5, 6].map(() => connect(new URL('/mcp', cluster.nginx.origin))),
    );
    for (const client of all) {
      const { content } = (await client.ask()) as Asked;
      expect(content[0].text).toContain('file:///home/ada');
      await client.close();
    }
  },
);

test('at another process than its own, a session is answered as one that never existed', async () => {
  const [a, b] = cluster.nodes;
  const session = await openHttpSession(a, alice);
  const at = (id: string) => postMcp(b, ping, { ...alice, 'Mcp-Session-Id': id });
  const [foreign, unknown] = [await at(session.id), await at('a.AAAAAAAAAAAAAAAAAAAAAA')];
  expect([foreign.status, foreign.body]).toEqual([404, unknown.body]);
  expect((await postMcp(b, initialize(), alice)).status).toBe(200);
  expect((await session.post(ping)).status).toBe(200);
});

test('when a process is killed, its sessions are answered 404 at once, and clients begin again at others', async () => {
  const own = await startCluster();
  const sessions = [];
  for (let i = 0; i < 3; i++) sessions.push(await openHttpSession(own.nginx, alice));
  const [killed] = own.nodes;
  await killed.stop('SIGKILL');
  for (const session of sessions) {
    expect((await session.post(ping)).status).toBe(nodeOf(session) === killed.id ? 404 : 200);
  }
  const next = await openHttpSession(own.nginx, alice);
  expect(nodeOf(next)).not.toBe(killed.id);
});

test('a request without a session is not sent to a second process if the first one ends while it runs', async () => {
  const own = await startCluster();
  const running = Promise.all(
    [1, 2, 3].map((id) => postMcp(own.nginx, callTool(id, 'wait', { ms: 1000 }), alice)),
  );
  const received = () =>
    Promise.all(own.nodes.slice(1).map((node) => metric(node, 'mcp_messages_received_total', alice)));
  await expect.poll(received).toEqual([1, 1]);
  await own.nodes[0].stop('SIGKILL');
  await running.catch(() => {});
  expect(await received()).toEqual([1, 1]);
});
