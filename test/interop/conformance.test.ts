import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningServer, startServer } from './support/server.js';
import { startSseShim } from './support/sse-shim.js';

// The official conformance suite, whole, against a generated server that has all it asks for. It speaks Streamable HTTP.

const require = createRequire(import.meta.url);
const manifest = require.resolve('@modelcontextprotocol/conformance/package.json');
const { version, bin } = require(manifest);
const suite = join(dirname(manifest), bin.conformance);
// It asks for Node 22 or later; that one comes with the clients.
const node = join(dirname(require.resolve('node/package.json')), 'bin/node');

interface Check {
  id: string;
  status: 'SUCCESS' | 'FAILURE' | 'WARNING' | 'INFO';
}

/** A way to reach the server, and the checks of the suite that fail there, by scenario. */
interface Way {
  settings: Record<string, string>;
  throughShim: boolean;
  expected: Record<string, string[]>;
}

const ways: Record<string, Way> = {
  'Streamable HTTP with sessions': { settings: {}, throughShim: false, expected: {} },
  'Streamable HTTP without sessions': {
    // A question to the client would wait for its answer for a minute.
    settings: { STREAMABLE_HTTP_SESSIONS: 'off', TOOL_TIMEOUT_SECONDS: '2' },
    throughShim: false,
    expected: {
      // The client's answer is another request, and comes to another MCP server than the one that asks.
      'tools-call-sampling': ['tools-call-sampling'],
      'tools-call-elicitation': ['tools-call-elicitation'],
      'elicitation-sep1034-defaults': ['elicitation-sep1034-general'],
      'elicitation-sep1330-enums': ['elicitation-sep1330-general'],
      // Both are about sessions.
      'server-sse-multiple-streams': ['server-sse-multiple-streams-session'],
      'server-sse-polling': [
        'server-sse-polling-session',
        'server-sse-priming-event',
        'server-sse-retry-field',
      ],
    },
  },
  'SSE through a shim': {
    settings: {},
    throughShim: true,
    expected: {
      // A response that ends before its reply is a part of Streamable HTTP; over SSE all replies come on one stream.
      'server-sse-polling': ['server-sse-priming-event', 'server-sse-retry-field'],
    },
  },
};

/** What the suite found, by scenario. */
function resultsIn(folder: string): Map<string, Check[]> {
  const results = readdirSync(folder).map((name): [string, Check[]] => {
    const scenario = name.replace(/^server-/, '').replace(/-\d{4}-\d\d-\d\dT.*$/, '');
    return [scenario, JSON.parse(readFileSync(join(folder, name, 'checks.json'), 'utf8'))];
  });
  return new Map(results);
}

describe.each(Object.entries(ways))(`conformance suite ${version}, over %s`, (_, way) => {
  const folder = mkdtempSync(join(tmpdir(), 'conformance-'));
  let server: RunningServer;
  let results = new Map<string, Check[]>();
  beforeAll(async () => {
    server = await startServer('conformance', { RATE_LIMIT: '0', ...way.settings });
    const shim = way.throughShim ? await startSseShim(server.origin) : undefined;
    const url = shim?.url ?? `${server.origin}/mcp`;
    await execa(node, [suite, 'server', '--url', url, '--suite', 'all', '--output-dir', folder], {
      reject: false,
    });
    shim?.close();
    results = resultsIn(folder);
  }, 120_000);
  afterAll(async () => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test('fails no checks but those that are named here', () => {
    expect(results.size).toBeGreaterThan(30);
    const failed = [...results].flatMap(([scenario, checks]): [string, string[]][] => {
      const bad = checks.filter(({ status }) => status === 'FAILURE' || status === 'WARNING');
      return bad.length === 0 ? [] : [[scenario, bad.map(({ id }) => id)]];
    });
    expect(Object.fromEntries(failed)).toEqual(way.expected);
  });
});
