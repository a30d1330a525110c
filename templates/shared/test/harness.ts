import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { Client, InMemoryTransport, SSEClientTransport } from '@modelcontextprotocol/client';
import { openApp } from '../src/app.ts';
import type { Caller } from '../src/auth/caller.ts';
import { loadConfig } from '../src/config.ts';
import { createMcpServer } from '../src/mcp-server.ts';
import { Environment } from '../src/settings/environment.ts';
import { badHeaders, goodHeaders, settings } from './credentials.ts';

// What tests of your own need: a server in a process of its own, or only its tools, and a real MCP client.

/** As options of a test: it needs a credential that is let in. */
export const withCredential = {
  skip: goodHeaders === undefined && 'test/credentials.ts has no good credential yet',
};

/** As options of a test: it needs a server that asks for credentials. */
export const whenProtected = { skip: badHeaders === undefined && 'this server needs no credential' };

/** What .env may say that would disturb a test. An empty variable goes before it, and means the default. */
const disturbing = [
  ...['BASE_PATH', 'ALLOWED_HOSTS', 'TRUST_PROXY', 'TLS_CERT_FILE', 'TLS_KEY_FILE', 'NODE_ID'],
  ...['STREAMABLE_HTTP_ENDPOINT', 'MAX_SESSIONS', 'MAX_SESSIONS_PER_CLIENT', 'RATE_LIMIT'],
  ...['AUTH_FAILURES_PER_MINUTE', 'EXPOSE_ERRORS', 'TOOL_TIMEOUT_SECONDS'],
];

/** The settings that tests run with. */
function environment(own: Record<string, string>): NodeJS.ProcessEnv {
  return {
    ...process.env,
    ...Object.fromEntries(disturbing.map((name) => [name, ''])),
    ...settings,
    HOST: '127.0.0.1',
    PORT: '0',
    SSE_ENDPOINT: '/sse',
    MESSAGE_ENDPOINT: '/messages',
    PROTECT: 'sse,messages',
    MAX_MESSAGE_SIZE: '1mb',
    LOG_LEVEL: 'debug',
    LOG_FORMAT: 'json',
    ...own,
  };
}

export interface TestServer {
  /** Of its event stream. */
  url: URL;
  /** Resolves with the first line of the log that has this message and these facts, also if it is printed already. */
  logged(msg: string, facts?: Record<string, unknown>): Promise<Record<string, unknown>>;
  stop(): Promise<void>;
}

/** Starts the built server on a free port, with settings of your own if you like. */
export async function startServer(own: Record<string, string> = {}): Promise<TestServer> {
  const server = spawn(process.execPath, ['--enable-source-maps', 'dist/main.js'], {
    env: environment(own),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: Record<string, unknown>[] = [];
  const waiting = new Set<() => void>();
  const wakeAll = () => {
    for (const wake of waiting) wake();
  };
  createInterface({ input: server.stdout })
    .on('line', (line) => {
      lines.push(parseLine(line));
      wakeAll();
    })
    .on('close', wakeAll);

  async function logged(msg: string, facts: Record<string, unknown> = {}): Promise<Record<string, unknown>> {
    const wanted = Object.entries({ ...facts, msg });
    for (;;) {
      const line = lines.find((line) => wanted.every(([fact, value]) => line[fact] === value));
      if (line) return line;
      assert.equal(server.exitCode, null, `the server ended before it logged "${msg}"`);
      await new Promise<void>((resolve) => {
        waiting.add(resolve);
      });
    }
  }

  const { url } = await logged('listening');
  return {
    url: new URL(url as string),
    logged,
    async stop() {
      server.kill();
      await once(server, 'exit');
    },
  };
}

/** Connects a client over SSE, until the end of the test. `messages` is where it POSTs to. */
export async function connect(t: TestContext, server: TestServer, headers = goodHeaders) {
  const client = new Client({ name: 'test', version: '0.1.0' });
  let messages: URL | undefined;
  const transport = new SSEClientTransport(server.url, {
    requestInit: { headers: headers ?? {} },
    fetch: (input, init) => {
      if (init?.method === 'POST') messages = new URL(input);
      return fetch(input, init);
    },
  });
  await client.connect(transport);
  t.after(() => client.close());
  assert.ok(messages);
  return { client, messages };
}

/** Connects a client to the tools alone, in this process: quick, and a debugger stops in them. */
export async function connectInProcess(
  t: TestContext,
  { caller, own = {} }: { caller?: Caller; own?: Record<string, string> } = {},
): Promise<Client> {
  const app = await openApp(loadConfig(new Environment(environment(own))));
  t.after(() => app.close());
  const client = new Client({ name: 'test', version: '0.1.0' });
  const [ours, theirs] = InMemoryTransport.createLinkedPair();
  await createMcpServer({ app, caller }).connect(theirs);
  await client.connect(ours);
  t.after(() => client.close());
  return client;
}

/** A tool may print lines of its own between those of the log. */
function parseLine(line: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(line));
  } catch {
    return {};
  }
}
