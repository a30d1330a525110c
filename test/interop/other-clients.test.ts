import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, type TextContent } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { type TransportName, versionOf } from './support/clients.js';
import { newerNode } from './support/newer-node.js';
import { recordOutcome } from './support/outcome.js';
import { credential, type RunningServer, startServer } from './support/server.js';
import { watched } from './support/watched.js';

// Libraries and bridges that people connect with: each lists the tools and calls one, over the transport that it is said
// to end up with, and is refused without its credential.

const require = createRequire(import.meta.url);
const home = mkdtempSync(join(tmpdir(), 'clients-'));

interface Way {
  client: string;
  /** The path of the URL that it is given. */
  given: string;
  /** What it is told of the transport, in its own words. */
  told: string;
  transport: TransportName;
  use(url: string, headers: Record<string, string>): Promise<{ tools: string[]; text: string }>;
}

const overHttp = 'Streamable HTTP, 2025';
const ways: Way[] = [
  library('@ai-sdk/mcp', '/sse', 'sse', 'SSE'),
  library('@ai-sdk/mcp', '/mcp', 'http', 'Streamable HTTP, 2026-07-28'),
  library('@langchain/mcp-adapters', '/sse', 'sse', 'SSE'),
  library('@langchain/mcp-adapters', '/sse', 'http', 'SSE'),
  library('@langchain/mcp-adapters', '/mcp', 'http', overHttp),
  library('mcp-use', '/sse', 'sse', 'SSE'),
  library('mcp-use', '/sse', 'http', 'SSE'),
  library('mcp-use', '/mcp', 'http', overHttp),
  remote('/sse', '--transport sse-only', 'SSE'),
  remote('/sse', '--transport sse-first', 'SSE'),
  remote('/sse', '--transport http-first', 'SSE'),
  remote('/mcp', '--transport sse-first', overHttp),
  remote('/mcp', '--transport http-first', overHttp),
  remote('/mcp', '--transport http-only', overHttp),
  remote('/mcp', '--protocol auto', 'Streamable HTTP, 2026-07-28'),
  bridge('supergateway', '/sse', '--sse', 'SSE', (url) => ['--sse', url]),
  bridge('supergateway', '/mcp', '--streamableHttp', overHttp, (url) => ['--streamableHttp', url]),
];

let server: RunningServer;
beforeAll(async () => {
  server = await startServer('apikey');
});
afterAll(async () => {
  await server.stop();
  rmSync(home, { recursive: true, force: true });
});

for (const { client, given, told, transport, use } of ways) {
  const version = versionOf(client);
  const outcome = (feature: string) => ({ client, version, transport, feature });

  describe.concurrent(`${client} ${version}, given ${given} and told ${told}`, () => {
    test(`lists the tools and calls one, over ${transport}`, async ({ task, expect }) => {
      recordOutcome(task, outcome('tools'));
      const path = await watched(server.port);
      const { tools, text } = await use(path.origin + given, await credential('apikey'));
      path.close();
      expect(tools).toContain('countdown');
      expect(text).toBe('hello');
      expect(path.transport()).toBe(transport);
    });

    const isFirst = ways.find((way) => way.client === client && way.given === given)?.told === told;
    if (!isFirst) return;
    test('is refused without its credential', async ({ task, expect }) => {
      recordOutcome(task, outcome('credentials'));
      const path = await watched(server.port);
      await expect(use(path.origin + given, {})).rejects.toThrow();
      path.close();
      expect(path.statuses).toContain(401);
      expect(path.transport()).toBeUndefined();
    });
  });
}

/** A library, used by a script in fixtures/libraries. */
function library(client: string, given: string, told: string, transport: TransportName): Way {
  const script = `fixtures/libraries/${client.replace(/[@/]/g, '-')}.js`;
  const env = { MCP_USE_ANONYMIZED_TELEMETRY: 'false' };
  return {
    client,
    given,
    told,
    transport,
    async use(url, headers) {
      const args = [script, JSON.stringify({ url, type: told, headers })];
      const { stdout } = await execa(newerNode, args, { cwd: import.meta.dirname, env, timeout: 25_000 });
      return JSON.parse(stdout.trim().split('\n').at(-1) as string);
    },
  };
}

/** A program that a client of stdio starts, and that speaks to the server for it. */
function bridge(
  client: string,
  given: string,
  told: string,
  transport: TransportName,
  args: (url: string) => string[],
): Way {
  const program = require.resolve(join(client, binOf(client)));
  return {
    client,
    given,
    told,
    transport,
    async use(url, headers) {
      const named = Object.entries(headers).flatMap(([name, value]) => ['--header', `${name}:${value}`]);
      const local = new Client({ name: 'interop', version: '1.0.0' });
      const env = { PATH: String(process.env.PATH), HOME: home };
      const command = { command: newerNode, args: [program, ...args(url), ...named] };
      await local.connect(new StdioClientTransport({ ...command, env, stderr: 'ignore' }));
      try {
        const { tools } = await local.listTools();
        const { content } = await local.callTool({ name: 'echo', arguments: { text: 'hello' } });
        return { tools: tools.map(({ name }) => name), text: (content[0] as TextContent).text };
      } finally {
        await local.close();
      }
    },
  };
}

function remote(given: string, told: string, transport: TransportName): Way {
  return bridge('mcp-remote', given, told, transport, (url) => [url, ...told.split(' '), '--allow-http']);
}

function binOf(client: string): string {
  return require(join(client, 'package.json')).bin[client];
}
