import { Client as ClientV2, SSEClientTransport as SseV2 } from '@modelcontextprotocol/client';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport as SseV1 } from '@modelcontextprotocol/sdk/client/sse.js';
import { CreateMessageRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { eventually, metric } from '../support/client.js';
import { goodHeaders, type RunningServer, startServer, startTestServer } from '../support/server.js';

const headers = goodHeaders.apikey;
const info = { name: 'test', version: '1.0.0' };
const options = { capabilities: { sampling: {} } };
const sampled = {
  role: 'assistant' as const,
  content: { type: 'text' as const, text: 'sampled' },
  model: 'none',
};

interface CallOptions {
  onprogress?: (progress: { progress: number }) => void;
  signal?: AbortSignal;
  timeout?: number;
}

/** Connects; where the two versions differ in shape, this is where. */
const connectors = {
  async v1({ origin }: RunningServer) {
    const client = new ClientV1(info, options);
    client.setRequestHandler(CreateMessageRequestSchema, () => sampled);
    await client.connect(new SseV1(new URL('/sse', origin), { requestInit: { headers } }));
    return Object.assign(client, {
      call: async (name: string, args = {}, options: CallOptions = {}) =>
        textOf(await client.callTool({ name, arguments: args }, undefined, options)),
    });
  },
  async v2({ origin }: RunningServer) {
    const client = new ClientV2(info, options);
    client.setRequestHandler('sampling/createMessage', () => sampled);
    await client.connect(new SseV2(new URL('/sse', origin), { requestInit: { headers } }));
    return Object.assign(client, {
      call: async (name: string, args = {}, options: CallOptions = {}) =>
        textOf(await client.callTool({ name, arguments: args }, options)),
    });
  },
};

function textOf(result: unknown): string | undefined {
  return (result as { content: { text: string }[] }).content[0]?.text;
}

describe.each(['v1', 'v2'] as const)('the official client %s', (version) => {
  const connect = connectors[version];

  describe('at a generated server', () => {
    let server: RunningServer;
    let client: Awaited<ReturnType<typeof connect>>;
    beforeAll(async () => {
      server = await startServer('apikey', { RATE_LIMIT: '0' });
    });
    afterAll(() => server.stop());
    beforeEach(async () => {
      client = await connect(server);
    });
    afterEach(() => client.close());

    test('finds tools, resources and prompts', async () => {
      expect(client.getServerVersion()).toMatchObject({ name: 'test-server' });
      const { tools } = await client.listTools();
      expect(tools.map(({ name }) => name)).toEqual(expect.arrayContaining(['echo', 'countdown', 'whoami']));
      const [resource] = (await client.listResources()).resources;
      const { contents } = await client.readResource({ uri: resource?.uri as string });
      expect(contents).toHaveLength(1);
      const { messages } = await client.getPrompt({ name: 'greeting', arguments: { name: 'Ada' } });
      expect(JSON.stringify(messages)).toContain('Ada');
    });

    test('calls every tool', async () => {
      expect(await client.call('echo', { text: 'Grüße\u2028🌍' })).toBe('Grüße\u2028🌍');
      expect(await client.call('whoami')).toMatch(/^default/);
      expect(await client.call('countdown', { seconds: 0 })).toBe('Counted down 0 s');
    });

    test('makes 100 calls at once and gets each reply', async () => {
      const texts = Array.from({ length: 100 }, (_, i) => `call ${i}`);
      expect(await Promise.all(texts.map((text) => client.call('echo', { text })))).toEqual(texts);
    });

    test('sees progress', async () => {
      const seen: number[] = [];
      await client.call('countdown', { seconds: 2 }, { onprogress: ({ progress }) => seen.push(progress) });
      expect(seen).toEqual([0, 1]);
    });

    test('cancels a call', async () => {
      const finished = () =>
        metric(server, 'mcp_tool_calls_total{tool="countdown",outcome="cancelled"}', headers);
      const before = await finished();
      const cancel = new AbortController();
      const onprogress = () => cancel.abort('enough'); // By now it runs.
      const call = client.call('countdown', { seconds: 60 }, { signal: cancel.signal, onprogress });
      await expect(call).rejects.toThrow();
      await eventually(finished, (now) => now === before + 1);
    });

    test('leaves nothing behind when it closes', async () => {
      const open = () => metric(server, 'mcp_sessions_open', headers);
      const before = await open();
      await client.close();
      await eventually(open, (now) => now === before - 1);
    });
  });

  test("answers the server's requests", async () => {
    const server = await startTestServer('apikey');
    const client = await connect(server);
    const params = { messages: [], maxTokens: 1 };
    const answer = await client.call('ask', { method: 'sampling/createMessage', params });
    expect(JSON.parse(answer as string)).toMatchObject(sampled);
    await client.close();
    await server.stop();
  });

  test('recovers automatically after the server was killed and started again', async () => {
    const killed = await startServer('apikey');
    const client = await connect(killed);
    client.onerror = () => {}; // It says that it lost its connection.
    expect(await client.call('echo', { text: 'before' })).toBe('before');
    await killed.stop('SIGKILL');

    const server = await startServer('apikey', { PORT: String(killed.port) });
    const again = () =>
      client.call('echo', { text: 'after' }, { timeout: 1000 }).catch((error) => String(error));
    await eventually(again, (answer) => answer === 'after', 15_000);
    expect(await metric(server, 'mcp_sessions_open', headers)).toBe(1);
    await client.close();
    await server.stop();
  });
});
