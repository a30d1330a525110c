import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeOwnProject } from '../auth/own-project.js';
import { call, openStream } from '../support/client.js';
import { openHttpSession, postMcp } from '../support/http-session.js';
import { type Auth, directoryOf } from '../support/projects.js';
import { type RunningServer, startServer } from '../support/server.js';

// src/sdk/mcp-server.ts answers plain messages without the SDK's schemas. Nobody can tell from the answers: two servers, one
// with it and one with the SDK's own McpServer, are sent the same messages.

const root = resolve(import.meta.dirname, '../../..');

const mcpServer = `
import { inputRequired, ProtocolError, ResourceTemplate, UrlElicitationRequiredError } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { McpServer } from './sdk/mcp-server.ts';

const text = { type: 'text', text: 'hello' };
let calls = 0;
class Part { type = 'text'; text = 'of a class'; toJSON() { return 'never'; } }

const results: Record<string, () => unknown> = {
  plain: () => ({ content: [text] }),
  twoTexts: () => ({ content: [text, { text: 'other order', type: 'text' }] }),
  noParts: () => ({ content: [] }),
  noContent: () => ({}),
  isError: () => ({ isError: true, content: [text] }),
  isNoError: () => ({ isError: false, content: [text] }),
  isUndefinedError: () => ({ content: [text], isError: undefined }),
  annotated: () => ({ content: [{ ...text, annotations: { priority: 1 } }] }),
  partWithMeta: () => ({ content: [{ _meta: { a: 1 }, ...text }] }),
  partWithMore: () => ({ content: [{ ...text, more: 1 }] }),
  withMeta: () => ({ _meta: { a: 1 }, content: [text] }),
  withMore: () => ({ more: { b: 1 }, content: [text] }),
  task: () => ({ task: { taskId: 'x' } }),
  structured: () => ({ structuredContent: { n: 1 }, content: [text] }),
  runsOnce: () => ({ structuredContent: { calls: ++calls }, content: [] }),
  list: () => ({ structuredContent: [1, 2], content: [] }),
  image: () => ({ content: [text, { type: 'image', data: 'AAAA', mimeType: 'image/png' }] }),
  link: () => ({ content: [{ type: 'resource_link', uri: 'test://x', name: 'x' }] }),
  textWithoutText: () => ({ content: [{ type: 'text' }] }),
  numberAsText: () => ({ content: [{ type: 'text', text: 1 }] }),
  textAsContent: () => ({ content: 'text' }),
  nullPart: () => ({ content: [null] }),
  listAsPart: () => ({ content: [[text]] }),
  instance: () => ({ content: [new Part()] }),
  null: () => null,
  nothing: () => undefined,
  aText: () => 'text',
  aList: () => [text],
  asksForInput: () => inputRequired({ inputRequests: { name: inputRequired.elicit({ message: 'Who?', requestedSchema: { type: 'object', properties: {} } }) } }),
  throws: () => { throw new Error('failed'); },
  throwsProtocolError: () => { throw new ProtocolError(-32001, 'refused', { a: 1 }); },
  throwsUrl: () => { throw new UrlElicitationRequiredError([{ mode: 'url', message: 'Go', url: 'https://example.com', elicitationId: '1' }]); },
};

export function createMcpServer(_context: unknown): McpServer {
  const server = new McpServer({ name: 'answers', version: '1.0.0' }, { capabilities: { logging: {} }, instructions: 'None' });
  for (const [name, result] of Object.entries(results)) server.registerTool(name, {}, result as never);
  const back = (args: unknown) => ({ content: [{ type: 'text' as const, text: JSON.stringify(args) }] });
  server.registerTool('echo', { inputSchema: z.object({ text: z.string(), n: z.number().default(1) }) }, back);
  server.registerTool('loose', { inputSchema: z.looseObject({}) }, back);
  server.registerTool('output', { outputSchema: z.object({ n: z.number() }) }, () => ({ content: [], structuredContent: { n: 1 } }));
  server.registerTool('disabled', {}, () => back({})).disable();
  server.registerTool('notifies', {}, async ({ mcpReq }) => {
    await mcpReq.notify({ method: 'notifications/progress', params: { progressToken: 1, progress: 1 } });
    return back(mcpReq._meta);
  });
  server.registerResource('fixed', 'test://fixed', {}, () => ({ contents: [{ uri: 'test://fixed', text: '' }] }));
  server.registerResource('some', new ResourceTemplate('test://some/{id}', { list: undefined }), {}, () => ({ contents: [] }));
  server.registerPrompt('greeting', {}, () => ({ messages: [{ role: 'user', content: { type: 'text', text: 'Hi' } }] }));
  return server;
}
`;

const names = [...mcpServer.matchAll(/^ {2}(\w+): \(\) =>|registerTool\('(\w+)'/gm)].map((m) => m[1] ?? m[2]);

/** The one line that takes it out. */
function withoutIt(text: string): string {
  const changed = text.replace("from './sdk/mcp-server.ts'", "from '@modelcontextprotocol/server'");
  expect(changed).not.toBe(text);
  return changed;
}

/** One JSON text for the most part, others now and then. */
const usually = (usual: fc.Arbitrary<string>, ...odd: string[]) =>
  fc.oneof({ weight: 15, arbitrary: usual }, { weight: 1, arbitrary: fc.constantFrom(...odd) });
const json = (...values: unknown[]) =>
  fc.constantFrom(...values.map((value) => JSON.stringify(value) as string));

/** An object's text: members may be missing, or named as no object of JavaScript could have them. */
const object = (members: Record<string, fc.Arbitrary<string>>, odd: Record<string, string>) =>
  fc
    .tuple(
      fc.record(members),
      fc.oneof(
        { weight: 8, arbitrary: fc.constant(undefined) },
        { weight: 1, arbitrary: fc.constantFrom(...Object.entries(odd)) },
      ),
      fc.boolean(),
    )
    .map(([usual, more, isFirst]) => {
      const all = Object.entries(usual).filter(([, text]) => text !== '');
      if (more) isFirst ? all.unshift(more) : all.push(more);
      return `{${all.map(([key, text]) => `${JSON.stringify(key)}:${text}`).join(',')}}`;
    });

const envelope = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
};
const oddParams = {
  _meta: '{"progressToken":1}',
  task: '{"ttl":"x"}',
  inputResponses: '{}',
  requestState: '1',
  more: '1',
  name: '"plain"',
};
const oddArguments = { ['__proto__']: '{"text":"x"}', constructor: '1', toJSON: '1', text: '"again"' };

const args = object({ text: usually(json('x', 'é\u2028'), '', '1', 'null', '"\\ud800"') }, oddArguments);
const params = object(
  {
    name: usually(json(...names), '', '1', 'null', '{}', '"none"', '"toString"', '"__proto__"'),
    arguments: usually(args, '', 'null', '[]', '"x"', '{}'),
  },
  { ...oddParams, ['__proto__']: '{"_meta":{}}' },
);
/** As clients of 2026-07-28 call. */
const modernParams = json(...names).map(
  (name) => `{"name":${name},"arguments":{"text":"x"},"_meta":${JSON.stringify(envelope)}}`,
);
const otherParams = json(
  { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
  { uri: 'test://fixed' },
  { uri: 'test://some/1' },
  { name: 'greeting' },
  { level: 'info' },
  { _meta: envelope },
  {},
);
const methods = ['initialize', 'ping', 'tools/list', 'resources/read', 'resources/list', 'prompts/get', 'x'];
const others = [...methods, 'logging/setLevel', 'resources/templates/list', 'server/discover'];

const parts = {
  jsonrpc: usually(fc.constant('"2.0"'), '', '"1.0"', '2'),
  id: usually(json('a', 1, 0, -1, ''), '', 'null', '1.5', '9007199254740993', '[]'),
};
const odd = { more: '1', result: '{}', error: '{"code":1,"message":""}', ['__proto__']: '{}' };
const message = fc.oneof(
  {
    weight: 4,
    arbitrary: object(
      {
        ...parts,
        method: usually(json('tools/call'), '""', '1'),
        params: fc.oneof({ weight: 6, arbitrary: params }, modernParams),
      },
      odd,
    ),
  },
  {
    weight: 1,
    arbitrary: object(
      { ...parts, method: json(...others), params: usually(otherParams, '', '1', '[]') },
      odd,
    ),
  },
);

let servers: RunningServer[];
beforeAll(async () => {
  const changed = { 'src/mcp-server.ts': mcpServer };
  const projects = [
    await makeOwnProject('with-plain-messages', 'none', changed),
    await makeOwnProject('without-plain-messages', 'none', { 'src/mcp-server.ts': withoutIt(mcpServer) }),
  ];
  const settings = {
    RATE_LIMIT: '0',
    MAX_CALLS_PER_CLIENT: '100000',
    MAX_SESSIONS_PER_CLIENT: '100000',
    EXPOSE_ERRORS: 'on',
  };
  servers = await Promise.all(projects.map((project) => startServer(project, settings)));
}, 60_000);
afterAll(async () => {
  for (const server of servers ?? []) await server.stop('SIGKILL');
});

/** What clients of 2026-07-28 say in headers too. */
function headersFor(text: string): Record<string, string> {
  if (!text.includes('2026-07-28')) return {};
  const [, method = 'tools/call'] = /"method":"([^"]*)"/.exec(text) ?? [];
  const [, name = ''] = /"name":"(\w+)","arguments/.exec(text) ?? [];
  return { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': method, ...(name && { 'Mcp-Name': name }) };
}

/** What a server says to messages, each sent when the one before was taken. */
const answers = {
  async SSE(server: RunningServer, messages: string[]) {
    const stream = await openStream(server);
    const said: unknown[] = [];
    for (const text of messages) {
      const { status, body } = await stream.post(text);
      said.push(status, body);
    }
    await stream.post(call('the last', 'ping'));
    await stream.message('the last');
    stream.close();
    return [...said, ...stream.events.map(({ event, data }) => `${event}: ${data}`)];
  },
  async 'Streamable HTTP'(server: RunningServer, messages: string[]) {
    const said: unknown[] = [];
    for (const text of messages) {
      const { status, body } = await postMcp(server, text, headersFor(text));
      said.push(status, body);
    }
    return said;
  },
  async 'a session of Streamable HTTP'(server: RunningServer, messages: string[]) {
    const session = await openHttpSession(server, {});
    const said: unknown[] = [];
    for (const text of messages) {
      const { status, body } = await session.post(text);
      said.push(status, body);
    }
    return said;
  },
};

test.each(Object.entries(answers))(
  'over %s no message is answered otherwise than by the SDK alone',
  async (transport, answersOf) => {
    const statuses = new Set<unknown>();
    await fc.assert(
      fc.asyncProperty(fc.array(message, { minLength: 40, maxLength: 40 }), async (messages) => {
        const [own, sdk] = await Promise.all(servers.map((server) => answersOf(server, messages)));
        expect(own).toEqual(sdk);
        for (const answer of own ?? []) if (typeof answer === 'number') statuses.add(answer);
      }),
      { numRuns: 40, endOnFailure: true },
    );
    expect([...statuses]).toEqual(expect.arrayContaining([transport === 'SSE' ? 202 : 200, 400]));
  },
  120_000,
);

describe('a version of the SDK does not compile', () => {
  let directory: string;
  let declarations: string;
  let text: string;
  beforeAll(async () => {
    directory = directoryOf('other-sdk' as Auth);
    const sdk = join(directory, 'node_modules/@modelcontextprotocol/server');
    await cp(directoryOf('none'), directory, { recursive: true });
    await cp(join(root, 'node_modules/@modelcontextprotocol/server'), sdk, { recursive: true });
    const files = ['src/sdk/mcp-server.ts', 'src/monitoring/tool-calls.ts'];
    await writeFile(
      join(directory, 'tsconfig.sdk.json'),
      JSON.stringify({ extends: './tsconfig.json', files, include: [] }),
    );
    const file = (await readdir(join(sdk, 'dist'))).find((name) => /^mcp-.*\.d\.mts$/.test(name));
    declarations = join(sdk, 'dist', String(file));
    text = await readFile(declarations, 'utf8');
  });

  const compile = (changed: string) =>
    writeFile(declarations, changed).then(() =>
      execa('tsc', ['-p', 'tsconfig.sdk.json'], {
        cwd: directory,
        preferLocal: true,
        localDir: root,
        reject: false,
      }),
    );

  test('only if it lacks what is used of it', async () => {
    expect((await compile(text)).stdout).toBe('');
  });

  test.each([
    ['private _onrequest;', ''],
    ['private setToolRequestHandlers;', ''],
    ['private _requestHandlers;', ''],
    ['private _registeredTools;', ''],
    ['private executeToolHandler;', ''],
    ['private validateToolInput;', ''],
    [/protected _wrapHandler\(_?method: string, /g, 'protected _wrapHandler('],
    [/protected _wrapHandler/g, 'private _wrapHandler'],
    ['readonly server: Server;', 'readonly server: Readonly<object>;'],
    [/requestState: RequestStateAccessor;/g, 'requestState: string;'],
  ])('without %s', async (part, instead) => {
    const changed = text.replace(part, instead);
    expect(changed).not.toBe(text);
    expect((await compile(changed)).stdout).toMatch(/^src\/(sdk|monitoring)\//m);
  });
});
