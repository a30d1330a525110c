import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { Client, type TextContent } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { execa } from 'execa';
import { afterAll, beforeAll, test } from 'vitest';
import { freePort } from '../support/programs.js';
import { type AuthorizationServer, logIn, startAuthorizationServer } from './support/authorization-server.js';
import { versionOf } from './support/clients.js';
import { inspector } from './support/inspector.js';
import { newerNode } from './support/newer-node.js';
import { recordOutcome } from './support/outcome.js';
import { type RunningServer, startServerOf } from './support/server.js';

// Programs that log in by OAuth: they print the page to open, and wait until the browser is sent back to them.

const require = createRequire(import.meta.url);
const home = mkdtempSync(join(tmpdir(), 'oauth-'));
/** They keep what they know at home; the browser that they start does nothing. */
const env = {
  HOME: home,
  PATH: String(process.env.PATH),
  BROWSER: 'true',
  MCP_AUTO_OPEN_ENABLED: 'true',
  MCP_INSPECTOR_SECRET_STORE: 'memory',
};

let issuer: AuthorizationServer;
let server: RunningServer;
beforeAll(async () => {
  issuer = await startAuthorizationServer();
  server = await startServerOf(issuer);
});
afterAll(async () => {
  await Promise.all([server.stop(), issuer.stop()]);
  rmSync(home, { recursive: true, force: true });
});

const transports = [
  { path: '/sse', transport: 'SSE', inspectorFlag: 'sse', remoteFlag: 'sse-only' },
  { path: '/mcp', transport: 'Streamable HTTP, 2025', inspectorFlag: 'http', remoteFlag: 'http-only' },
];

for (const { path, transport, inspectorFlag, remoteFlag } of transports) {
  const feature = 'OAuth: log in';

  test.concurrent(`MCP Inspector logs in and calls a tool, over ${transport}`, async ({ task, expect }) => {
    const { launcher, version } = inspector;
    recordOutcome(task, { client: 'MCP Inspector, command line', version, transport, feature });
    const callback = `http://127.0.0.1:${await freePort()}/oauth/callback`;
    const call = ['--method', 'tools/call', '--tool-name', 'whoami'];
    const args = [server.origin + path, '--transport', inspectorFlag, '--callback-url', callback, ...call];
    const program = execa(newerNode, [launcher, '--cli', ...args], {
      env,
      extendEnv: false,
      stdin: 'ignore',
    });
    program.stderr.on('data', pageOpener());
    const { stdout } = await program;
    expect(JSON.parse(stdout).content[0].text).toContain('alice');
  });

  test.concurrent(`mcp-remote logs in and calls a tool, over ${transport}`, async ({ task, expect }) => {
    const client = 'mcp-remote';
    recordOutcome(task, { client, version: versionOf(client), transport, feature });
    const program = require.resolve('mcp-remote/dist/proxy.js');
    const args = [server.origin + path, String(await freePort()), '--transport', remoteFlag, '--allow-http'];
    const bridge = new StdioClientTransport({
      command: newerNode,
      args: [program, ...args],
      env,
      stderr: 'pipe',
    });
    bridge.stderr?.on('data', pageOpener());
    const local = new Client({ name: 'interop', version: '1.0.0' });
    await local.connect(bridge);
    const { content } = await local.callTool({ name: 'whoami' });
    expect((content[0] as TextContent).text).toContain('alice');
    await local.close();
  });
}

/** Logs in at the page that a program prints. */
function pageOpener() {
  let printed = '';
  let isOpen = false;
  return async (data: unknown) => {
    printed += data;
    const page = /(http\S+\/auth\?\S+)\s/.exec(printed)?.[1];
    if (page === undefined || isOpen) return;
    isOpen = true;
    const url = new URL(page);
    const back = await logIn(url, url.searchParams.get('redirect_uri') as string);
    // A person would need longer than the program does to listen there.
    const arrives = () =>
      fetch(back).then(
        () => true,
        () => false,
      );
    while (!(await arrives())) await setTimeout(20);
  };
}
