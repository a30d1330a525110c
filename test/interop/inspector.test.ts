import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { inspector } from './support/inspector.js';
import { newerNode } from './support/newer-node.js';
import { recordOutcome } from './support/outcome.js';
import { credential, type RunningServer, startServer } from './support/server.js';

// MCP Inspector's command line, as its documentation says to call it.

const ways = [
  { path: '/sse', flag: 'sse', transport: 'SSE' },
  { path: '/mcp', flag: 'http', transport: 'Streamable HTTP, 2025' },
];

for (const { path, flag, transport } of ways) {
  describe(`MCP Inspector ${inspector.version} over ${transport}`, () => {
    let server: RunningServer;
    const home = mkdtempSync(join(tmpdir(), 'inspector-'));
    beforeAll(async () => {
      server = await startServer('apikey');
    });
    afterAll(async () => {
      await server.stop();
      rmSync(home, { recursive: true, force: true });
    });

    test('lists the tools', async ({ task }) => {
      record(task, 'tools: list');
      const { tools } = await inspect('--method', 'tools/list');
      expect(tools.map(({ name }: { name: string }) => name)).toContain('echo');
    });

    test('calls a tool', async ({ task }) => {
      record(task, 'tools: call');
      const result = await inspect(
        '--method',
        'tools/call',
        '--tool-name',
        'echo',
        '--tool-arg',
        'text=hello',
      );
      expect(result.content).toEqual([{ type: 'text', text: 'hello' }]);
    });

    test('is refused without its credential', async ({ task }) => {
      record(task, 'credentials');
      const { exitCode, stdout } = await run([
        `${server.origin}${path}`,
        '--transport',
        flag,
        '--method',
        'tools/list',
      ]);
      expect(exitCode).not.toBe(0);
      expect(stdout).not.toContain('echo');
    });

    async function inspect(...args: string[]) {
      const headers = Object.entries(await credential('apikey')).flatMap(([name, value]) => [
        '--header',
        `${name}: ${value}`,
      ]);
      const { exitCode, stdout, stderr } = await run([
        `${server.origin}${path}`,
        '--transport',
        flag,
        ...headers,
        ...args,
      ]);
      if (exitCode !== 0) throw new Error(`the Inspector ended with ${exitCode}: ${stderr}`);
      return JSON.parse(stdout);
    }

    function run(args: string[]) {
      return execa(newerNode, [inspector.launcher, '--cli', ...args], {
        reject: false,
        stdin: 'ignore',
        // Its settings are kept in the home directory: this one is its own.
        env: { HOME: home },
      });
    }
  });

  function record(task: Parameters<typeof recordOutcome>[0], feature: string): void {
    const { version } = inspector;
    recordOutcome(task, { client: 'MCP Inspector, command line', version, transport, feature });
  }
}
