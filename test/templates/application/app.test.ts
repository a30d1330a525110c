import { once } from 'node:events';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { makeOwnProject } from '../auth/own-project.js';
import { callTool, openStream } from '../support/client.js';
import { type Auth, directoryOf, secret } from '../support/projects.js';
import { runServer, startServer } from '../support/server.js';
import { clientsOf, transports } from './own-server.js';

const app = `
import type { Config } from './config.ts';
export type App = Awaited<ReturnType<typeof openApp>>;
export const atModuleLevel = process.env.FROM_ENV_FILE;
const behaviour = process.env.APP ?? '';
export async function openApp(config: Config) {
  console.error('opened', config.listen.host);
  setInterval(() => {}, 1000); // what keeps a process alive
  if (behaviour === 'throws') throw new Error('no database\\nat 127.0.0.1:5432', { cause: new Error('ECONNREFUSED') });
  if (behaviour === 'hangs') await new Promise(() => {});
  if (behaviour === 'returns nothing') return undefined as never;
  const notes = ['first'];
  return {
    notes,
    async close() {
      console.error('closed');
      if (behaviour === 'close throws') throw new Error('already gone');
      if (behaviour === 'close hangs') await new Promise(() => {});
    },
  };
}
`;

const mcpServer = `
import { setTimeout as wait } from 'node:timers/promises';
import { McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { type App, atModuleLevel } from './app.ts';
import type { Caller } from './auth/caller.ts';
export function createMcpServer({ app, caller }: { app: App; caller: Caller | undefined }): McpServer {
  const server = new McpServer({ name: 'app', version: '1.0.0' });
  const text = (value: unknown) => ({ content: [{ type: 'text' as const, text: JSON.stringify(value ?? null) }] });
  server.registerTool('notes', {}, () => text(app.notes));
  server.registerTool('caller', {}, () => text(caller?.id));
  server.registerTool('variable', {}, () => text(atModuleLevel));
  server.registerTool('slow', {}, async () => { await wait(400); console.error('call ended'); return text('done'); });
  const schemas: Record<string, unknown> = {
    date: { inputSchema: z.object({ day: z.date() }) },
    bigint: { inputSchema: z.object({ n: z.bigint() }) },
    output: { outputSchema: z.object({ n: z.bigint() }) },
    prompt: { argsSchema: z.object({ day: z.date() }) },
  };
  const bad = process.env.BAD_TOOL;
  if (bad === 'twice') server.registerTool('notes', {}, () => text(''));
  else if (bad === 'prompt') server.registerPrompt(bad, schemas[bad] as object, () => ({ messages: [] }));
  else if (bad) server.registerTool(bad, schemas[bad] as object, () => text(''));
  return server;
}
`;

let project: Auth;

beforeAll(async () => {
  project = await makeOwnProject('own-app', 'apikey', { 'src/app.ts': app, 'src/mcp-server.ts': mcpServer });
}, 30_000);

const key = { 'X-API-Key': secret };
const textOf = (answer: { result?: { content?: { text: string }[] } }) =>
  JSON.parse(answer.result?.content?.[0]?.text ?? 'null');

describe('what openApp opened', () => {
  test('is there in every tool, with the caller, over both transports', async () => {
    const server = await startServer(project, { API_KEY: `alice:${'a'.repeat(32)},bob:${'b'.repeat(32)}` });
    for (const name of ['alice', 'bob']) {
      const clients = await clientsOf(server, { 'X-API-Key': name[0]?.repeat(32) as string });
      for (const transport of transports) {
        const tool = (tool: string) => clients[transport]('tools/call', { name: tool });
        expect(textOf(await tool('notes'))).toEqual(['first']);
        expect(textOf(await tool('caller'))).toBe(name);
      }
    }
    await server.stop();
  });

  test.each(['SIGTERM', 'SIGINT'] as const)('is closed after the last call on %s', async (signal) => {
    const server = await startServer(project);
    const stream = await openStream(server, { headers: key });
    await stream.post(callTool(1, 'slow'));
    await stream.post(callTool(2, 'notes'));
    await stream.message(2);
    expect(await server.stop(signal)).toEqual({ code: 0, signal: null });
    expect(server.output()).toMatch(/opened 127\.0\.0\.1.*call ended.*closed.*"stopped"/s);
  });

  test('is closed when the port is in use', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const { code, output } = await runServer(project, { PORT: String(port) });
    taken.close();
    expect(code).toBe(1);
    expect(output).toMatch(new RegExp(`^opened 127\\.0\\.0\\.1\\nclosed\\n[^\\n]*${port}[^\\n]*\\n$`));
  });
});

describe('an application that', () => {
  test('throws when it opens stops the start with one line', async () => {
    const { code, output } = await runServer(project, {
      APP: 'throws',
      NODE_OPTIONS: '--enable-source-maps',
    });
    expect(code).toBe(1);
    expect(output).toBe(
      'opened 127.0.0.1\nsrc/app.ts: openApp failed: no database at 127.0.0.1:5432: ECONNREFUSED (src/app.ts:9)\n',
    );
  });

  test('returns nothing stops the start with one line', async () => {
    const { code, output } = await runServer(project, { APP: 'returns nothing' });
    expect(code).toBe(1);
    expect(output).toBe(
      'opened 127.0.0.1\nsrc/app.ts: openApp failed: it must return an object with a close() method\n',
    );
  });

  test('never opens stops the start with one line', async () => {
    const file = join(directoryOf(project), 'dist/lifecycle.js');
    const source = await readFile(file, 'utf8');
    await writeFile(file, source.replace('secondsToOpen = 30', 'secondsToOpen = 0.2'));
    const { code, output } = await runServer(project, { APP: 'hangs' });
    await writeFile(file, source);
    expect(code).toBe(1);
    expect(output).toBe('opened 127.0.0.1\nsrc/app.ts: openApp failed: it must finish within 0.2 s\n');
  });

  test.each([
    ['close throws', 'already gone'],
    ['close hangs', 'it must finish within 1 s'],
  ])('fails to close (%s) lets the process end all the same, with a line', async (behaviour, message) => {
    const server = await startServer(project, { APP: behaviour, SHUTDOWN_SECONDS: '1' });
    expect(await server.stop()).toEqual({ code: 0, signal: null });
    expect(server.output()).toContain('closing the application failed');
    expect(server.output()).toContain(message);
  });
});

describe('before it listens, a server refuses', () => {
  test.each([
    [
      'twice',
      'src/mcp-server.ts: createMcpServer failed: Tool notes is already registered (src/mcp-server.ts:21)',
    ],
    ['date', 'src/mcp-server.ts: the tool date cannot be listed: Date cannot be represented in JSON Schema'],
    [
      'bigint',
      'src/mcp-server.ts: the tool bigint cannot be listed: BigInt cannot be represented in JSON Schema',
    ],
    [
      'output',
      'src/mcp-server.ts: the tool output cannot be listed: BigInt cannot be represented in JSON Schema',
    ],
    [
      'prompt',
      'src/mcp-server.ts: the prompt prompt cannot be listed: Date cannot be represented in JSON Schema',
    ],
  ])('a tool or prompt that no client could use (%s), in one line that names it', async (bad, message) => {
    const settings = { BAD_TOOL: bad, NODE_OPTIONS: '--enable-source-maps' };
    const { code, output } = await runServer(project, settings);
    expect(code).toBe(1);
    expect(output).toBe(`opened 127.0.0.1\nclosed\n${message}\n`);
  });
});

describe('.env', () => {
  const file = () => join(directoryOf(project), '.env');
  let before = '';
  beforeAll(async () => {
    before = await readFile(file(), 'utf8');
  });
  afterEach(async () => {
    await rm(file(), { recursive: true, force: true });
    await writeFile(file(), before);
  });

  test('is read before the modules of tools are loaded', async () => {
    await writeFile(file(), `${before}\nFROM_ENV_FILE=read\n`);
    const server = await startServer(project);
    const { sse } = await clientsOf(server, key);
    expect(textOf(await sse('tools/call', { name: 'variable' }))).toBe('read');
    await server.stop();
  });

  test('that cannot be read stops the start with one line', async () => {
    await rm(file());
    await mkdir(file());
    const { code, output } = await runServer(project, {});
    expect(code).toBe(1);
    expect(output).toBe('.env must be a file that can be read (EISDIR)\n');
  });
});
