import {
  Client as Client2,
  StreamableHTTPClientTransport as Http2,
  SSEClientTransport as Sse2,
} from '@modelcontextprotocol/client';
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport as Sse1 } from '@modelcontextprotocol/sdk/client/sse.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { metric } from '../templates/support/client.js';
import { alice, type Cluster, keepCluster } from './support/cluster.js';

let cluster: Cluster;
beforeAll(async () => {
  const { stop, ...started } = await keepCluster({});
  cluster = started;
  return stop;
});

type Options = { onprogress?: (progress: { progress: number }) => void; signal?: AbortSignal };
interface Connection {
  callTool(name: string, args: Record<string, unknown>, options?: Options): Promise<unknown>;
  close(): Promise<void>;
}

const identity = { name: 'test', version: '0.1.0' };
const clients: Record<string, (url: URL) => Promise<Connection>> = {
  async '@modelcontextprotocol/sdk (version 1)'(url) {
    const client = new Client1(identity);
    await client.connect(new Sse1(url, { requestInit: { headers: alice } }));
    return {
      callTool: (name, args, options) => client.callTool({ name, arguments: args }, undefined, options),
      close: () => client.close(),
    };
  },
  async '@modelcontextprotocol/client (version 2)'(url) {
    const client = new Client2(identity, { versionNegotiation: { mode: 'legacy' } });
    await client.connect(new Sse2(url, { requestInit: { headers: alice } }));
    return {
      callTool: (name, args, options) => client.callTool({ name, arguments: args }, options),
      close: () => client.close(),
    };
  },
};

describe.each(Object.entries(clients))('%s behind a proxy that takes turns', (_, connect) => {
  let client: Connection;
  beforeAll(async () => {
    client = await connect(new URL('/sse', cluster.nginx.origin));
  });
  afterAll(() => client.close());

  // More calls than there are processes, so that each of them gets some.
  test('calls echo', async () => {
    for (let call = 0; call < 7; call++) {
      const text = `call ${call}`;
      expect(await client.callTool('echo', { text })).toMatchObject({
        content: [{ type: 'text', text }],
      });
    }
  });

  test('is the same caller in each process', async () => {
    for (let call = 0; call < 4; call++) {
      expect(JSON.stringify(await client.callTool('whoami', {}))).toContain('alice');
    }
  });

  test('sees the progress of countdown', async () => {
    for (let call = 0; call < 3; call++) {
      const seen: number[] = [];
      await client.callTool(
        'countdown',
        { seconds: 1 },
        { onprogress: ({ progress }) => seen.push(progress) },
      );
      expect(seen).toEqual([0]);
    }
  });

  test('cancels countdown, and no process goes on with it', async () => {
    const timers = async () => {
      const { content } = (await client.callTool('inside', {})) as { content: [{ text: string }] };
      return (JSON.parse(content[0].text).resources.Timeout ?? 0) as number;
    };
    // One is missing while Redis has a ping to answer.
    const before = Math.max(await timers(), await timers(), await timers());
    const abort = new AbortController();
    const countdowns = [1, 2, 3].map(() =>
      client.callTool('countdown', { seconds: 60 }, { signal: abort.signal, onprogress: () => {} }),
    );
    const ended = Promise.allSettled(countdowns);
    await expect.poll(timers).toBe(before + 3);

    abort.abort();
    expect((await ended).map(({ status }) => status)).toEqual(Array(3).fill('rejected'));
    await expect.poll(timers).toBeLessThanOrEqual(before);
  });
});

test('every process answers /mcp without a session', async () => {
  const url = new URL('/mcp', cluster.nginx.origin);
  const client = new Client2(identity, { versionNegotiation: { mode: { pin: '2026-07-28' } } });
  await client.connect(new Http2(url, { requestInit: { headers: alice } }));
  const received = () =>
    Promise.all(cluster.nodes.map((node) => metric(node, 'mcp_messages_received_total', alice)));
  const before = await received();
  for (let call = 0; call < 7; call++) {
    const text = `call ${call}`;
    const answer = await client.callTool({ name: 'echo', arguments: { text } });
    expect(answer).toMatchObject({ content: [{ type: 'text', text }] });
  }
  for (const [index, count] of (await received()).entries())
    expect(count).toBeGreaterThan(before[index] ?? 0);
  await client.close();
});
