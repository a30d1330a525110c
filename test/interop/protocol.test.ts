import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  type ClientUnderTest,
  type Connection,
  clients,
  type Message,
  type TransportName,
} from './support/clients.js';
import { recordOutcome } from './support/outcome.js';
import { credential, type RunningServer, startServer } from './support/server.js';

// The whole protocol, by real clients, at a generated server whose owner uses all of it.

const note = 'note://today';

interface Feature {
  name: string;
  works(connection: Connection, transport: TransportName): Promise<void>;
  /** Transports over which it cannot work, and what the client gets instead. docs/clients.md says why. */
  lacking?: Partial<Record<TransportName, (connection: Connection) => Promise<void>>>;
  /** What clients of 2025 get instead where they have no session. docs/clients.md says why. */
  withoutSession?(connection: Connection): Promise<void>;
  /** Clients that never heard of it. */
  unknownTo?: (client: ClientUnderTest) => boolean;
}

const isOldest = (client: ClientUnderTest) => client.version.startsWith('1.0.');

const features: Feature[] = [
  {
    name: 'tools: list and call',
    async works({ client, callTool }) {
      const { tools } = await client.listTools();
      expect(tools.map((tool: Message) => tool.name)).toContain('add');
      const result = await callTool({ name: 'add', arguments: { a: 1, b: 2 } });
      expect(result.content).toEqual([{ type: 'text', text: '3' }]);
    },
  },
  {
    name: 'tools: every type of content',
    unknownTo: isOldest,
    async works({ callTool }) {
      const { content } = await callTool({ name: 'all-content' });
      expect(content.map(({ type }: Message) => type)).toEqual([
        'text',
        'image',
        'audio',
        'resource',
        'resource_link',
      ]);
      expect(content[0].text).toBe('Grüße, 世界 🌍\u2028\r\n');
    },
  },
  {
    name: 'tools: text, images, embedded resources',
    async works({ callTool }) {
      const { content } = await callTool({ name: 'old-content' });
      expect(content.map(({ type }: Message) => type)).toEqual(['text', 'image', 'resource']);
      expect(content[0].text).toBe('Grüße, 世界 🌍\u2028\r\n');
    },
  },
  {
    name: 'tools: structured output',
    unknownTo: isOldest,
    async works({ client, callTool }) {
      await client.listTools(); // Clients check the output against the schema they saw here.
      const result = await callTool({ name: 'add', arguments: { a: 1, b: 2 } });
      expect(result.structuredContent).toEqual({ sum: 3 });
    },
  },
  {
    name: 'tools: errors',
    async works({ callTool }) {
      const failed = await callTool({ name: 'fail' });
      expect(failed).toMatchObject({ isError: true, content: [{ text: 'this tool always fails' }] });
      await expect(callTool({ name: 'no-such-tool' })).rejects.toMatchObject({ code: -32602 });
    },
  },
  {
    name: 'resources: list, templates, read',
    async works({ client }) {
      const { resources } = await client.listResources();
      expect(resources.map(({ uri }: Message) => uri)).toEqual(
        expect.arrayContaining([note, 'note://picture', 'note://day/monday']),
      );
      const { resourceTemplates } = await client.listResourceTemplates();
      expect(resourceTemplates[0].uriTemplate).toBe('note://day/{day}');
      const { contents } = await client.readResource({ uri: 'note://day/friday' });
      expect(contents).toEqual([{ uri: 'note://day/friday', text: 'the note of friday' }]);
    },
  },
  {
    name: 'resources: subscribe and be told of updates',
    async works(connection) {
      const updated = next(connection, 'notifications/resources/updated');
      await connection.subscribe([note]);
      await connection.callTool({ name: 'write-note', arguments: { text: 'new' } });
      expect((await updated).params.uri).toBe(note);
    },
    async withoutSession(connection) {
      // Subscribing is answered, but there is nothing that an update could come on.
      const updated = next(connection, 'notifications/resources/updated');
      await connection.subscribe([note]);
      await connection.callTool({ name: 'write-note', arguments: { text: 'new' } });
      await connection.callTool({ name: 'write-note', arguments: { text: 'newer' } });
      expect(await Promise.race([updated, 'nothing came'])).toBe('nothing came');
    },
  },
  {
    name: 'prompts: list and get',
    async works({ client }) {
      const { prompts } = await client.listPrompts();
      expect(prompts[0].name).toBe('greet');
      const { messages } = await client.getPrompt({ name: 'greet', arguments: { name: 'Ada' } });
      expect(messages[0].content.text).toBe('Hello, Ada');
    },
  },
  {
    name: 'completion',
    async works({ client }) {
      const ofPrompt = { ref: { type: 'ref/prompt', name: 'greet' }, argument: { name: 'name', value: 'A' } };
      expect((await client.complete(ofPrompt)).completion.values).toEqual(['Ada', 'Alan']);
      const ofResource = {
        ref: { type: 'ref/resource', uri: 'note://day/{day}' },
        argument: { name: 'day', value: 'm' },
      };
      expect((await client.complete(ofResource)).completion.values).toEqual(['monday']);
    },
  },
  {
    name: 'logging, from the level asked for',
    async works(connection, transport) {
      const first = next(connection, 'notifications/message');
      if (transport === 'Streamable HTTP, 2026-07-28') {
        await connection.callTool({ name: 'log', _meta: { 'io.modelcontextprotocol/logLevel': 'warning' } });
      } else {
        await connection.client.setLoggingLevel('warning');
        await connection.callTool({ name: 'log' });
      }
      expect((await first).params).toMatchObject({ level: 'warning', data: 'watch out' });
    },
    async withoutSession(connection) {
      // The level is forgotten with the request that set it: everything comes.
      const first = next(connection, 'notifications/message');
      await connection.client.setLoggingLevel('warning');
      await connection.callTool({ name: 'log' });
      expect((await first).params).toMatchObject({ level: 'debug', data: 'in detail' });
    },
  },
  {
    name: 'progress while a tool runs',
    async works({ callTool }) {
      const seen: number[] = [];
      let told: Promise<unknown> | undefined;
      const onprogress = ({ progress }: Message) => {
        seen.push(progress);
        if (progress === 3) told = callTool({ name: 'seen' });
      };
      await callTool({ name: 'report', arguments: { steps: 3 } }, { onprogress });
      await told;
      expect(seen).toEqual([1, 2, 3]);
    },
  },
  {
    name: 'cancellation reaches the tool',
    // Its notification was called `cancelled`, which no server listens to.
    unknownTo: isOldest,
    async works(connection) {
      const before = await cancelledCalls(connection);
      await cancelCall(connection);
      await expect.poll(() => cancelledCalls(connection)).toBe(before + 1);
    },
    async withoutSession(connection) {
      // The notification comes to another MCP server than the call, which goes on until the connection ends.
      const before = await cancelledCalls(connection);
      await cancelCall(connection);
      expect(await cancelledCalls(connection)).toBe(before);
    },
  },
  {
    name: 'sampling',
    async works({ callTool }) {
      const { content } = await callTool({ name: 'ask-model' });
      expect(JSON.parse(content[0].text)).toEqual({ type: 'text', text: 'A test.' });
    },
    withoutSession: ({ callTool }) => isToldWhy(callTool({ name: 'ask-model' })),
  },
  {
    name: 'elicitation',
    unknownTo: isOldest,
    async works({ callTool }) {
      const { content } = await callTool({ name: 'ask-user' });
      expect(content[0].text).toBe('accept {"name":"Ada"}');
    },
    withoutSession: ({ callTool }) => isToldWhy(callTool({ name: 'ask-user' })),
  },
  {
    name: 'roots',
    async works({ callTool }) {
      const { content } = await callTool({ name: 'ask-roots' });
      expect(content[0].text).toBe('file:///home/ada file:///home/grace');
    },
    withoutSession: ({ callTool }) => isToldWhy(callTool({ name: 'ask-roots' })),
  },
  {
    name: 'ping by the client',
    async works({ client }) {
      await client.ping();
    },
    lacking: {
      async 'Streamable HTTP, 2026-07-28'({ client }) {
        await expect(client.ping()).rejects.toThrow('not supported by the negotiated protocol version');
      },
    },
  },
  {
    name: 'ping by the server',
    async works({ callTool }) {
      const { content } = await callTool({ name: 'ping-client' });
      expect(content[0].text).toBe('the client answered');
    },
    async withoutSession({ callTool }) {
      // Nothing tells the tool that no answer can come: it waits for one in vain.
      await expect(callTool({ name: 'ping-client' }, { timeout: 500 })).rejects.toThrow('timed out');
    },
    lacking: {
      async 'Streamable HTTP, 2026-07-28'({ callTool }) {
        const result = await callTool({ name: 'ping-client' });
        expect(result).toMatchObject({ isError: true });
        expect(result.content[0].text).toContain('not available on protocol revision 2026-07-28');
      },
    },
  },
  {
    name: 'being told that lists changed',
    async works(connection) {
      const told = ['tools', 'prompts', 'resources'].map((list) =>
        next(connection, `notifications/${list}/list_changed`),
      );
      await connection.subscribe([]);
      await connection.callTool({ name: 'change-lists' });
      await Promise.all(told);
    },
    async withoutSession(connection) {
      const told = next(connection, 'notifications/tools/list_changed');
      await connection.callTool({ name: 'change-lists' });
      await connection.callTool({ name: 'change-lists' });
      expect(await Promise.race([told, 'nothing came'])).toBe('nothing came');
    },
  },
];

let server: RunningServer;
let withoutSessions: RunningServer;
let headers: Record<string, string>;
beforeAll(async () => {
  const settings = { RATE_LIMIT: '0', EXPOSE_ERRORS: 'on' };
  server = await startServer('whole-protocol', settings);
  withoutSessions = await startServer('whole-protocol', { ...settings, STREAMABLE_HTTP_SESSIONS: 'off' });
  headers = await credential('apikey');
});
afterAll(() => Promise.all([server.stop(), withoutSessions.stop()]));

for (const client of clients) {
  for (const transport of client.transports) {
    describe(`${client.name} ${client.version} over ${transport}`, () => {
      let connection: Connection;
      beforeEach(async () => {
        const url = new URL(transport === 'SSE' ? '/sse' : '/mcp', server.origin);
        connection = await client.connect(url, { transport, headers });
      });
      afterEach(() => connection.close());

      for (const { name, works, lacking, unknownTo } of features) {
        if (unknownTo?.(client)) continue;
        const instead = lacking?.[transport];
        test(instead ? `without: ${name}` : name, async ({ task }) => {
          recordOutcome(task, {
            client: client.name,
            version: client.version,
            transport,
            feature: name,
            lacking: instead !== undefined,
          });
          await (instead ?? works)(connection, transport);
        });
      }

      test('is refused without its credential', async ({ task }) => {
        recordOutcome(task, {
          client: client.name,
          version: client.version,
          transport,
          feature: 'credentials',
        });
        const url = new URL(transport === 'SSE' ? '/sse' : '/mcp', server.origin);
        await expect(client.connect(url, { transport, headers: {} })).rejects.toThrow();
      });
    });
  }
}

for (const client of clients) {
  const transport = 'Streamable HTTP, 2025';
  if (!client.transports.includes(transport)) continue;
  describe(`${client.name} ${client.version} over ${transport}, without sessions`, () => {
    for (const { name, withoutSession } of features) {
      if (!withoutSession) continue;
      test(`without: ${name}`, async () => {
        const connection = await client.connect(new URL('/mcp', withoutSessions.origin), {
          transport,
          headers,
        });
        await withoutSession(connection);
        await connection.close();
      });
    }
  });
}

/** The next notification with this method. */
function next(connection: Connection, method: string): Promise<Message> {
  return new Promise((resolve) => connection.onNotification(method, resolve));
}

async function cancelledCalls({ callTool }: Connection): Promise<number> {
  return Number((await callTool({ name: 'count-cancelled' })).content[0].text);
}

/** Calls a tool that never ends, and cancels it as soon as it runs. */
async function cancelCall({ callTool }: Connection): Promise<void> {
  const cancel = new AbortController();
  const call = callTool({ name: 'hang' }, { signal: cancel.signal, onprogress: () => cancel.abort() });
  await expect(call).rejects.toThrow('abort');
}

/** The SDK knows that it cannot ask this client, and says so. */
async function isToldWhy(call: Promise<Message>): Promise<void> {
  const result = await call;
  expect(result).toMatchObject({ isError: true });
  expect(result.content[0].text).toContain(
    'per-request legacy serving cannot receive server-to-client requests',
  );
}
