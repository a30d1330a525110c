import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  Client as Client2,
  StreamableHTTPClientTransport as Http2,
  SSEClientTransport as Sse2,
} from '@modelcontextprotocol/client';
import EventSource from 'eventsource';
import { Client as Client1_12 } from 'sdk-1.12/client/index.js';
import { SSEClientTransport as Sse1_12 } from 'sdk-1.12/client/sse.js';
import * as types1_12 from 'sdk-1.12/types.js';
import { Client as ClientLatest } from 'sdk-latest/client/index.js';
import { SSEClientTransport as SseLatest } from 'sdk-latest/client/sse.js';
import { StreamableHTTPClientTransport as HttpLatest } from 'sdk-latest/client/streamableHttp.js';
import * as typesLatest from 'sdk-latest/types.js';
import { Client as ClientOldest } from 'sdk-oldest/client/index.js';
import { SSEClientTransport as SseOldest } from 'sdk-oldest/client/sse.js';
import * as typesOldest from 'sdk-oldest/types.js';

/** The transports a client may use, and for Streamable HTTP the era of the protocol it speaks. */
export const transports = ['SSE', 'Streamable HTTP, 2025', 'Streamable HTTP, 2026-07-28'] as const;
export type TransportName = (typeof transports)[number];

// biome-ignore lint/suspicious/noExplicitAny: three generations of a library have no types in common
type Loose = any;
export type Message = Record<string, Loose>;

/** What the tests use of a client; all of them have it, the older ones with other signatures. */
export interface Connection {
  client: Message;
  callTool(
    params: { name: string; arguments?: object; _meta?: object },
    options?: { onprogress?(progress: Message): void; signal?: AbortSignal; timeout?: number },
  ): Promise<Message>;
  onNotification(method: string, handler: (notification: Message) => void): void;
  /** Asks to be told when lists or these resources change. */
  subscribe(uris: string[]): Promise<void>;
  close(): Promise<void>;
}

export interface ConnectOptions {
  transport: TransportName;
  headers: Record<string, string>;
  onerror?: (error: Error) => void;
  /** Milliseconds that the program takes until it initialises, once its client knows where to. */
  pause?: number;
}

export interface ClientUnderTest {
  name: string;
  version: string;
  transports: readonly TransportName[];
  connect(url: URL, options: ConnectOptions): Promise<Connection>;
}

/** What every client answers when the server asks it something. */
const answers: Record<string, Message> = {
  'sampling/createMessage': {
    model: 'a-model',
    role: 'assistant',
    content: { type: 'text', text: 'A test.' },
  },
  'elicitation/create': { action: 'accept', content: { name: 'Ada' } },
  'roots/list': { roots: [{ uri: 'file:///home/ada' }, { uri: 'file:///home/grace' }] },
};
const capabilities = { sampling: {}, elicitation: {}, roots: { listChanged: true } };
const identity = { name: 'interop', version: '1.0.0' };

export const clients: ClientUnderTest[] = [
  {
    name: '@modelcontextprotocol/sdk',
    version: versionOf('sdk-oldest'),
    transports: ['SSE'],
    connect(url, options) {
      const restore = sendHeadersEverywhere(options.headers);
      const client = new ClientOldest(identity, {
        capabilities: { sampling: {}, roots: { listChanged: true } },
      });
      return connectVersion1(client, new SseOldest(url), typesOldest, options, restore);
    },
  },
  {
    name: '@modelcontextprotocol/sdk',
    version: versionOf('sdk-latest'),
    transports: ['SSE', 'Streamable HTTP, 2025'],
    connect(url, options) {
      const requestInit = { headers: options.headers };
      const client = new ClientLatest(identity, { capabilities });
      const Wire = options.transport === 'SSE' ? SseLatest : HttpLatest;
      return connectVersion1(client, new Wire(url, { requestInit }), typesLatest, options);
    },
  },
  {
    name: '@modelcontextprotocol/client',
    version: versionOf('@modelcontextprotocol/client'),
    transports: ['SSE', 'Streamable HTTP, 2025', 'Streamable HTTP, 2026-07-28'],
    async connect(url, { transport, headers, onerror, pause }) {
      const requestInit = { headers };
      const mode = transport === 'Streamable HTTP, 2026-07-28' ? { pin: '2026-07-28' } : ('legacy' as const);
      const client = new Client2(identity, { capabilities, versionNegotiation: { mode } });
      for (const [method, answer] of Object.entries(answers)) {
        client.setRequestHandler(method as 'roots/list', () => answer as never);
      }
      if (onerror) client.onerror = onerror;
      const Wire = transport === 'SSE' ? Sse2 : Http2;
      await client.connect(paused(new Wire(url, { requestInit }), pause));
      return {
        client,
        callTool: (params, options) => client.callTool(params as never, options),
        onNotification: (method, handler) =>
          client.setNotificationHandler(method as 'notifications/message', handler),
        async subscribe(uris) {
          if (transport === 'Streamable HTTP, 2026-07-28') {
            const lists = { toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true };
            await client.listen({ ...lists, resourceSubscriptions: uris });
          } else {
            for (const uri of uris) await client.subscribeResource({ uri });
          }
        },
        close: () => client.close(),
      };
    },
  },
];

/** How many connections of the oldest client are open, which share what it finds in the global scope. */
let oldestOpen = 0;
const fetchWithout = globalThis.fetch;

/**
 * The oldest client knows no headers: its users gave them to the EventSource and the fetch that it finds.
 *
 * @returns what is to be called when its connection is closed
 */
function sendHeadersEverywhere(headers: Record<string, string>): () => void {
  oldestOpen++;
  Object.assign(globalThis, {
    EventSource: class extends EventSource {
      constructor(address: string) {
        super(address, { headers });
      }
    },
    fetch: (input: string, init?: RequestInit) => {
      const all = new Headers(init?.headers);
      for (const [name, value] of Object.entries(headers)) all.set(name, value);
      return fetchWithout(input, { ...init, headers: all });
    },
  });
  return () => {
    if (--oldestOpen === 0) Object.assign(globalThis, { fetch: fetchWithout });
  };
}

/** The last version that does not say so when it reconnects. */
export const client1_12: ClientUnderTest = {
  name: '@modelcontextprotocol/sdk',
  version: versionOf('sdk-1.12'),
  transports: ['SSE'],
  connect(url, options) {
    const client = new Client1_12(identity, { capabilities });
    const requestInit = { headers: options.headers };
    return connectVersion1(client, new Sse1_12(url, { requestInit }), types1_12, options);
  },
};

/** The same transport, which begins as late as a slow program uses it. */
function paused<T extends { start(): Promise<void> }>(transport: T, ms = 0): T {
  const start = transport.start.bind(transport);
  return Object.assign(transport, {
    async start() {
      await start();
      if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
    },
  });
}

async function connectVersion1(
  client: Loose,
  transport: Loose,
  types: Record<string, Loose>,
  { onerror, pause }: ConnectOptions,
  afterwards: () => void = () => {},
): Promise<Connection> {
  /** Version 1 registers handlers by the schema of what they take. */
  const schemaOf = (method: string) =>
    Object.values(types).find((type) => type?.shape?.method?.value === method);
  for (const [method, answer] of Object.entries(answers)) {
    const schema = schemaOf(method);
    if (schema) client.setRequestHandler(schema, () => answer);
  }
  if (onerror) client.onerror = onerror;
  try {
    await client.connect(paused(transport, pause));
  } catch (error) {
    afterwards();
    throw error;
  }
  return {
    client,
    callTool: (params, options) => client.callTool(params, types.CallToolResultSchema, options),
    onNotification: (method, handler) => client.setNotificationHandler(schemaOf(method), handler),
    async subscribe(uris) {
      for (const uri of uris) await client.subscribeResource({ uri });
    },
    async close() {
      await client.close();
      afterwards();
    },
  };
}

export function versionOf(folder: string): string {
  const manifest = join(import.meta.dirname, '../node_modules', folder, 'package.json');
  return JSON.parse(readFileSync(manifest, 'utf8')).version;
}
