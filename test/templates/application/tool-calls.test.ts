import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeOwnProject } from '../auth/own-project.js';
import { call, callTool, openStream, send } from '../support/client.js';
import { type Auth, directoryOf, secret } from '../support/projects.js';
import { type RunningServer, startServer } from '../support/server.js';
import { type Ask, clientsOf, transports } from './own-server.js';

// Tools, resources and prompts that fail in every way, over both transports.

const mcpServer = `
import { completable, McpServer, ProtocolError, requireScopes, ResourceTemplate } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { ToolError } from './monitoring/tool-calls.ts';

const secretOf = () => new Error('connect to db.internal failed', { cause: new Error('password hunter2') });
const thrown: Record<string, () => unknown> = {
  throwsError: secretOf,
  throwsToolError: () => new ToolError('There is no such note'),
  throwsProtocolError: () => new ProtocolError(-32000, 'upstream db.internal said no'),
  throwsText: () => 'db.internal',
  throwsNothing: () => undefined,
  throwsBigint: () => 12345678901234567890n,
  throwsCircle: () => { const circle: any = { host: 'db.internal' }; circle.self = circle; return circle; },
  throwsHostileJson: () => ({ toJSON() { throw new Error('db.internal'); } }),
  throwsCode: () => Object.assign(new Error('db.internal'), { code: -32001, data: 'db.internal' }),
  throwsMegabyte: () => new Error('db.internal'.repeat(100_000)),
};

export function createMcpServer(_context: unknown): McpServer {
  const server = new McpServer({ name: 'failing', version: '1.0.0' });
  for (const [name, create] of Object.entries(thrown)) {
    server.registerTool(name, {}, async () => { throw create(); });
  }
  server.registerTool('returnsNothing', {}, (() => {}) as never);
  server.registerTool('returnsBigint', {}, () => ({ content: [], structuredContent: { amount: 1n } }) as never);
  server.registerTool('returnsCircle', {}, () => ({ content: [], _meta: { of: thrown.throwsCircle?.() } }) as never);
  server.registerTool('returnsHostileJson', {}, () => ({ content: [], toJSON: () => undefined }) as never);
  server.registerTool('needsScope', { scopeChallenge: requireScopes('admin') }, () => ({ content: [] }));
  server.registerTool('returnsError', {}, () => ({ isError: true, content: [{ type: 'text', text: 'private result' }] }));
  server.registerTool('works', { inputSchema: z.object({ n: z.number() }) }, () => ({ content: [{ type: 'text', text: 'ok' }] }));
  server.registerTool('misfits', { outputSchema: z.object({ n: z.number() }) }, () => ({ content: [], structuredContent: { n: 'x' } }) as never);
  server.registerTool('never-ends', {}, () => new Promise(() => {}));
  server.registerTool('hangs', {}, (ctx) => new Promise((_, reject) => {
    ctx.mcpReq.signal.addEventListener('abort', () => { console.error('the tool was told to stop'); reject(ctx.mcpReq.signal.reason); });
  }));
  server.registerResource('failing', 'test://failing', {}, () => { throw secretOf(); });
  server.registerResource('empty', 'test://empty', {}, (() => {}) as never);
  server.registerResource('unwritable', 'test://unwritable', {}, () => ({ contents: [{ uri: 'test://unwritable', text: '', _meta: { big: 1n } }] }) as never);
  server.registerResource('refusing', 'test://refusing', {}, () => { throw new ToolError('Not yours'); });
  server.registerResource('listed', new ResourceTemplate('test://listed/{id}', { list: () => { throw secretOf(); } }), {}, () => ({ contents: [] }));
  server.registerPrompt('failing', { argsSchema: z.object({ name: completable(z.string(), () => { throw secretOf(); }) }) }, () => { throw secretOf(); });
  return server;
}
`;

const key = { 'X-API-Key': secret };
let project: Auth;
let server: RunningServer;
let clients: Record<(typeof transports)[number], Ask>;

beforeAll(async () => {
  project = await makeOwnProject('failing-tools', 'apikey', { 'src/mcp-server.ts': mcpServer });
  server = await start();
  clients = await clientsOf(server, key);
}, 30_000);

function start(settings: Record<string, string> = {}) {
  return startServer(project, { NODE_OPTIONS: '--enable-source-maps', LOG_LEVEL: 'debug', ...settings });
}

const metrics = async (of: RunningServer) => (await send(of, 'GET', '/metrics', { headers: key })).body;

describe.each(transports)('over %s', (transport) => {
  const tool = (name: string, args = {}) => clients[transport]('tools/call', { name, arguments: args });

  test.each([
    'throwsError',
    'throwsProtocolError',
    'throwsText',
    'throwsNothing',
    'throwsBigint',
    'throwsCircle',
    'throwsHostileJson',
    'throwsCode',
    'throwsMegabyte',
    'returnsNothing',
  ])(
    'of what goes wrong in %s the client learns a reference, under which the log has the rest',
    async (name) => {
      const { result } = await tool(name);
      expect(result).toMatchObject({
        isError: true,
        content: [{ text: expect.stringMatching(/^The tool failed \(reference [0-9a-f]{8}\)$/) }],
      });
      const reference = /[0-9a-f]{8}/.exec(result?.content?.[0]?.text ?? '')?.[0];
      const line = await server.logged({ msg: 'tool call failed', reference });
      expect(line).toMatchObject({
        level: 'warn',
        tool: name,
        caller: 'default',
        outcome: 'error',
        ms: expect.any(Number),
      });
      expect(JSON.stringify(line).length).toBeLessThan(40_000);
    },
  );

  test.each(['returnsBigint', 'returnsCircle', 'returnsHostileJson'])(
    'a result that JSON cannot hold is an error of the call, for the client and in the log: %s',
    async (name) => {
      const { error } = await tool(name);
      const reference = /[0-9a-f]{8}/.exec(error?.message ?? '')?.[0];
      expect(error).toEqual({ code: -32603, message: `The tool failed (reference ${reference})` });
      expect(await server.logged({ msg: 'tool call failed', reference })).toMatchObject({
        tool: name,
        outcome: 'error',
        err: { name: 'TypeError' },
      });
    },
  );

  test('the log names the file in src and the cause', async () => {
    const { result } = await tool('throwsError');
    const reference = /[0-9a-f]{8}/.exec(result?.content?.[0]?.text ?? '')?.[0];
    expect(await server.logged({ msg: 'tool call failed', reference })).toMatchObject({
      err: {
        message: 'connect to db.internal failed',
        stack: expect.stringMatching(/src[\\/]mcp-server\.ts:\d+/),
        cause: { message: 'password hunter2' },
      },
    });
  });

  test('the message of a ToolError reaches the client, and the log', async () => {
    expect((await tool('throwsToolError')).result).toMatchObject({
      isError: true,
      content: [{ text: 'There is no such note' }],
    });
    expect(await server.logged({ msg: 'tool call failed', tool: 'throwsToolError' })).toMatchObject({
      err: { name: 'ToolError' },
    });
  });

  test('an error that a tool returns reaches the client, and its text stays out of the log', async () => {
    expect((await tool('returnsError')).result).toMatchObject({
      isError: true,
      content: [{ text: 'private result' }],
    });
    await server.logged({
      msg: 'tool call failed',
      tool: 'returnsError',
      reason: 'the tool returned an error',
    });
    expect(server.output()).not.toContain('private result');
  });

  test('what the SDK says of a call reaches the client as it is', async () => {
    expect(JSON.stringify(await tool('works', { n: 'x' }))).toContain('Input validation error');
    expect(JSON.stringify(await tool('misfits'))).toContain('Output validation error');
    expect((await tool('none')).error).toMatchObject({ code: -32602, message: 'Tool none not found' });
    expect((await clients[transport]('resources/read', { uri: 'test://none' })).error?.message).toContain(
      'test://none',
    );
    expect((await clients[transport]('prompts/get', { name: 'failing' })).error?.message).toContain(
      'Invalid arguments',
    );
    expect((await clients[transport]('prompts/get', {})).error?.message).toContain('name');
  });

  test.each([
    ['resource', 'resources/read', { uri: 'test://failing' }],
    ['resource', 'resources/read', { uri: 'test://empty' }],
    ['resource', 'resources/read', { uri: 'test://unwritable' }],
    ['prompt', 'prompts/get', { name: 'failing', arguments: { name: 'x' } }],
    [
      'completion',
      'completion/complete',
      { ref: { type: 'ref/prompt', name: 'failing' }, argument: { name: 'name', value: '' } },
    ],
    ['request', 'resources/list', {}],
  ])('a failing %s (%s %j) tells the client a reference only', async (subject, method, params) => {
    const { error } = await clients[transport](method, params);
    const reference = /[0-9a-f]{8}/.exec(error?.message ?? '')?.[0];
    expect(error?.message).toBe(`The ${subject} failed (reference ${reference})`);
    expect(await server.logged({ msg: `${subject} failed`, reference })).toMatchObject({
      level: 'warn',
      method,
      err: expect.anything(),
    });
  });

  test('the message of a ToolError in a resource reaches the client', async () => {
    expect((await clients[transport]('resources/read', { uri: 'test://refusing' })).error?.message).toBe(
      'Not yours',
    );
  });

  test('calls are counted by tool and outcome, and names that no tool has together', async () => {
    const other = await start({ PORT: '0' });
    const { [transport]: ask } = await clientsOf(other, key);
    await ask('tools/call', { name: 'works', arguments: { n: 1 } });
    await ask('tools/call', { name: 'works', arguments: { n: 1 } });
    await ask('tools/call', { name: 'throwsError' });
    await ask('tools/call', { name: 'returnsBigint' });
    await ask('tools/call', { name: 'needsScope' });
    await ask('tools/call', { name: 'no "such"\n tool' });
    await ask('tools/call', { name: 'toString' });
    const page = await metrics(other);
    expect(page).toContain('mcp_tool_calls_total{tool="works",outcome="ok"} 2\n');
    expect(page).toContain('mcp_tool_calls_total{tool="throwsError",outcome="error"} 1\n');
    expect(page).toContain('mcp_tool_calls_total{tool="returnsBigint",outcome="error"} 1\n');
    expect(page).toContain('mcp_tool_calls_total{tool="needsScope",outcome="error"} 1\n');
    expect(page).toContain('mcp_tool_calls_total{tool="unknown",outcome="error"} 2\n');
    expect(page).toContain('mcp_tool_call_duration_seconds_bucket{tool="works",le="10"} 2\n');
    expect(page).toContain('mcp_tool_call_duration_seconds_count{tool="works"} 2\n');
    expect(page).not.toContain('such');
    expect(await other.logged({ msg: 'tool call failed', tool: 'needsScope' })).toMatchObject({
      reason: 'insufficient_scope: this needs admin',
    });
    expect(await other.logged({ msg: 'tool call', tool: 'works' })).toMatchObject({
      level: 'debug',
      outcome: 'ok',
      caller: 'default',
    });
    await other.stop();
  });

  test('a call that takes longer than TOOL_TIMEOUT_SECONDS is ended, and the tool is told', async () => {
    const other = await start({ TOOL_TIMEOUT_SECONDS: '1' });
    const { [transport]: ask } = await clientsOf(other, key);
    expect((await ask('tools/call', { name: 'hangs' })).result).toMatchObject({
      isError: true,
      content: [{ text: 'The tool gave no result within 1 s' }],
    });
    expect(await other.logged({ msg: 'tool call failed', tool: 'hangs' })).toMatchObject({
      outcome: 'timeout',
    });
    expect(other.output()).toContain('the tool was told to stop');
    expect(await metrics(other)).toContain('mcp_tool_calls_total{tool="hangs",outcome="timeout"} 1\n');
    // What a tool throws in time is still told as ever.
    expect((await ask('tools/call', { name: 'throwsToolError' })).result?.content?.[0]?.text).toBe(
      'There is no such note',
    );
    await other.stop();
  });

  test('with EXPOSE_ERRORS=on the client sees the message, and those of its causes', async () => {
    const other = await start({ EXPOSE_ERRORS: 'on' });
    const { [transport]: ask } = await clientsOf(other, key);
    const { result } = await ask('tools/call', { name: 'throwsError' });
    expect(result?.content?.[0]?.text).toBe('connect to db.internal failed: password hunter2');
    expect((await ask('resources/read', { uri: 'test://failing' })).error?.message).toContain('db.internal');
    await other.stop();
  });
});

test.each([
  ['', 'hangs'],
  [', though its tool goes on for ever,', 'never-ends'],
])('a call that its client cancels%s counts as cancelled, not as failed', async (_, tool) => {
  const other = await start();
  const stream = await openStream(other, { headers: key });
  await stream.post(callTool(1, tool));
  await stream.post({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } });
  expect(await other.logged({ msg: 'tool call' })).toMatchObject({ level: 'debug', outcome: 'cancelled' });
  expect(await metrics(other)).toContain(`mcp_tool_calls_total{tool="${tool}",outcome="cancelled"} 1\n`);
  await stream.post(call(2, 'ping'));
  expect(await stream.message(2)).toMatchObject({ result: {} });
  expect(other.output()).not.toContain('tool call failed');
  await other.stop();
});

test('neither the arguments of a call are logged nor a name that no tool has', async () => {
  await clients.sse('tools/call', { name: 'works', arguments: { n: 4711.4711 } });
  await clients.sse('tools/call', { name: 'works', arguments: { n: 'x', '4711.4711': 1 } });
  await clients.sse('tools/call', { name: '4711.4711' });
  await server.logged({ msg: 'tool call failed', tool: 'unknown', reason: 'refused with -32602' });
  await server.logged({ msg: 'tool call failed', reason: 'the arguments do not fit its schema' });
  expect(server.output()).not.toContain('4711.4711');
});

test('npm start has stacks name the sources', async () => {
  const { scripts } = JSON.parse(await readFile(join(directoryOf('apikey'), 'package.json'), 'utf8'));
  expect(scripts.start).toBe('node --max-semi-space-size=4 --enable-source-maps dist/main.js');
});

test('tools that are registered below McpServer are seen alike', async () => {
  const name = await makeOwnProject('low-level-tools', 'none', {
    'src/mcp-server.ts': `
      import { McpServer } from '@modelcontextprotocol/server';
      export function createMcpServer(_context: unknown): McpServer {
        const mcpServer = new McpServer({ name: 'low', version: '1.0.0' }, { capabilities: { tools: {} } });
        mcpServer.server.setRequestHandler('tools/list', () => ({ tools: [{ name: 'low', inputSchema: { type: 'object' } }] }));
        mcpServer.server.setRequestHandler('tools/call', ({ params }) => {
          if (params.name === 'low') throw new Error('db.internal');
          return { content: [] };
        });
        return mcpServer;
      }`,
  });
  const other = await startServer(name);
  const clients = await clientsOf(other);
  for (const transport of transports) {
    const { error } = await clients[transport]('tools/call', { name: 'low' });
    expect(error?.message).toMatch(/^The tool failed \(reference [0-9a-f]{8}\)$/);
    await clients[transport]('tools/call', { name: 'another' });
  }
  expect(await other.logged({ msg: 'tool call failed' })).toMatchObject({
    tool: 'low',
    err: { message: 'db.internal' },
  });
  const page = (await send(other, 'GET', '/metrics')).body;
  expect(page).toContain('mcp_tool_calls_total{tool="low",outcome="error"} 2\n');
  expect(page).toContain('mcp_tool_calls_total{tool="unknown",outcome="ok"} 2\n');
  await other.stop();
});

afterAll(() => server?.stop());
