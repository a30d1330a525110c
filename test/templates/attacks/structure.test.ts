import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { call, callTool, metric, openStream, post, type Stream, send } from '../support/client.js';
import { type RunningServer, startTestServer } from '../support/server.js';

// Messages that are small in bytes and large in structure. What the server spends on each is measured in CPU time, which
// other programs on the machine do not change.

const MB = 1024 ** 2;
/** As many bytes as one message may have, less what stands around the part that is filled. */
const full = 4 * MB - 1000;

let server: RunningServer;
let stream: Stream;
beforeAll(async () => {
  server = await startTestServer('none');
  stream = await openStream(server);
  await post(server, '/mcp', callTool(1, 'texts', { texts: Array(2000).fill(1) }), accept); // Code is compiled.
});
afterAll(() => server.stop('SIGKILL'));

const accept = { Accept: 'application/json, text/event-stream' };

const repeat = (text: string, bytes: number) => text.repeat(Math.floor(bytes / text.length));
const ones = (count: number) => `[${'1,'.repeat(count - 1)}1]`;
const keys = (count: number, value = '1') =>
  `{${Array.from({ length: count }, (_, i) => `"k${i}":${value}`).join(',')}}`;
const message = (method: string, params: string) =>
  `{"jsonrpc":"2.0","id":1,"method":"${method}","params":${params}}`;
const toolCall = (tool: string, args: string) =>
  message('tools/call', `{"name":"${tool}","arguments":${args}}`);
const initialize = (clientInfo: string) =>
  message('initialize', `{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":${clientInfo}}`);

/** CPU seconds that the server takes for something. */
async function cost(work: () => Promise<unknown>): Promise<number> {
  const before = await metric(server, 'process_cpu_seconds_total');
  await work();
  return (await metric(server, 'process_cpu_seconds_total')) - before;
}

/** What is refused with 400, on both transports. */
const refused: Record<string, string> = {
  'two million ones as the message': ones(full / 2),
  'two million ones as a parameter': message('ping', ones(full / 2)),
  'two million ones as the icons of a client': initialize(
    `{"name":"x","version":"1","icons":${ones(full / 2)}}`,
  ),
  'two million ones as arguments': toolCall('texts', `{"texts":${ones(full / 2)}}`),
  'two million ones as a result': `{"jsonrpc":"2.0","id":1,"result":{"content":${ones(full / 2)}}}`,
  'two million ones as the data of an error': `{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"x","data":${ones(full / 2)}}}`,
  '1,100 ones outside of arguments': message('resources/read', `{"uri":"x:y","_meta":{"x":${ones(1100)}}}`),
  '1,100 arguments of a prompt': message('prompts/get', `{"name":"odd","arguments":${keys(1100)}}`),
  '300,000 keys as the message': keys(300_000),
  '300,000 keys as arguments': toolCall('echo', keys(300_000)),
  '300,000 keys as a result': `{"jsonrpc":"2.0","id":1,"result":${keys(300_000)}}`,
  '20,000 keys in one object': toolCall('hold', `{"ms":0,"data":${keys(20_000)}}`),
  'a million levels': message('ping', `{"x":${'['.repeat(full / 2)}${']'.repeat(full / 2)}}`),
  'levels that never end': '['.repeat(full),
  '5,000 levels in arguments': toolCall('hold', `{"ms":0,"data":${'['.repeat(5000)}${']'.repeat(5000)}}`),
  '5,000 levels of objects': message('ping', `${'{"x":'.repeat(5000)}1${'}'.repeat(5000)}`),
  'empty objects': `[${repeat('{},', full)}{}]`,
  'an id of 4 MB': `{"jsonrpc":"2.0","id":"${'x'.repeat(full)}","method":"ping"}`,
  'an id of 4 MB of escapes': `{"jsonrpc":"2.0","id":"${repeat('\\u0001', full)}","method":"ping"}`,
  'a method of 4 MB': `{"jsonrpc":"2.0","id":1,"method":"${'x'.repeat(full)}"}`,
  'a tool named with 4 MB': message('tools/call', `{"name":"${'x'.repeat(full)}"}`),
  'a progress token of 4 MB': message('ping', `{"_meta":{"progressToken":"${'x'.repeat(full)}"}}`),
  'a cancelled id of 4 MB': `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"${'x'.repeat(full)}"}}`,
};

/** What is taken, and answered with an error that says what is wrong with it. */
const explained: Record<string, string> = {
  '99,000 numbers where texts belong': toolCall('texts', `{"texts":${ones(99_000)}}`),
  '99,000 nulls where rows belong': toolCall('table', `{"rows":[${repeat('null,', 490_000)}null]}`),
  'rows of 90,000 cells of the wrong type': toolCall(
    'table',
    `{"rows":[${Array(900).fill(keys(100, 'null')).join(',')}]}`,
  ),
  '9,900 keys that no tool knows': toolCall('texts', keys(9900)),
  'a text of 4 MB where a list belongs': toolCall('texts', `{"texts":"${'x'.repeat(full)}"}`),
  'a key of 4 MB': toolCall('texts', `{"${'k'.repeat(full)}":1}`),
  'a number of 4 MB': toolCall('echo', `{"text":${'1'.repeat(full)}}`),
  '900 icons that are none': initialize(`{"name":"x","version":"1","icons":${ones(900)}}`),
  'a URI of 4 MB': message('resources/read', `{"uri":"x:${'x'.repeat(full)}"}`),
  'a URI of 4 MB of escapes': message('resources/read', `{"uri":"x:${repeat('\\u0001', full)}"}`),
};

/** CPU seconds: a tenth of a second, and what the metrics and the connections of this test take. */
const most = 0.15;

describe.each(['sse', 'mcp'] as const)('over %s', (transport) => {
  const sendTo = (body: string) => post(server, transport === 'sse' ? stream.endpoint : '/mcp', body, accept);

  test.each(Object.keys(refused))('%s: refused at once', async (name) => {
    let status = 0;
    const seconds = await cost(async () => {
      ({ status } = await sendTo(refused[name] as string));
    });
    expect(status).toBe(400);
    expect(seconds).toBeLessThan(most);
  });

  test.each(Object.keys(explained))('%s: answered with a short error at once', async (name) => {
    let reply = '';
    const seconds = await cost(async () => {
      const { body } = await sendTo(explained[name] as string);
      reply = transport === 'mcp' ? body : JSON.stringify(await stream.message(1));
    });
    expect(reply).toMatch(/error|isError/i);
    expect(Buffer.byteLength(reply)).toBeLessThanOrEqual(64 * 1024);
    expect(seconds).toBeLessThan(most);
  });

  test.each([
    ['a text', toolCall('echo', `{"text":"${'x'.repeat(full)}"}`)],
    ['a text of escapes', toolCall('echo', `{"text":"${repeat('\\n', full)}"}`)],
    [
      'an image in base64',
      toolCall('hold', `{"ms":0,"data":"${Buffer.alloc(3 * MB - 2000, 'x').toString('base64')}"}`),
    ],
    [
      '10,000 rows',
      toolCall(
        'table',
        `{"rows":[${Array(10_000).fill(`{"a":"${'x'.repeat(300)}","b":1,"c":"${'y'.repeat(50)}"}`)}]}`,
      ),
    ],
  ])('a legitimate message of 4 MB passes: %s', async (_, body) => {
    let reply = '';
    const seconds = await cost(async () => {
      const answer = await sendTo(body);
      reply = transport === 'mcp' ? answer.body : JSON.stringify(await stream.message(1));
    });
    expect(reply).toContain('"result"');
    expect(reply).not.toContain('isError');
    expect(seconds).toBeLessThan(0.5); // Of which the reply, as large, takes a half.
  });
});

/** What a client answers to a tool's question, by how much of it is wrong. */
const answers: Record<string, [method: string, params: object, result: string]> = {};
const form = { mode: 'form', message: 'Who?', requestedSchema: { type: 'object', properties: {} } };
const prompt = { messages: [], maxTokens: 1, tools: [] };
for (const count of [2400, 49_000]) {
  const list = (item: string) => `[${Array(count).fill(item)}]`;
  const says = (content: string) => `{"role":"assistant","model":"m","content":${content}}`;
  answers[`${count} nulls as a message`] = ['sampling/createMessage', prompt, says(list('null'))];
  answers[`${count} objects as a message`] = ['sampling/createMessage', prompt, says(list('{"a":1}'))];
  answers[`${2 * count} nulls in a form`] = [
    'elicitation/create',
    form,
    `{"action":"accept","content":{"x":${list('null,null')}}}`,
  ];
  answers[`${2 * count} nulls as roots`] = ['roots/list', {}, `{"roots":${list('null,null')}}`];
}
answers['9,900 fields that are null in a form'] = [
  'elicitation/create',
  form,
  `{"action":"accept","content":${keys(9900, 'null')}}`,
];

test.each(Object.keys(answers))('%s, answered by a client, hold up nobody', async (name) => {
  const [method, params, result] = answers[name] as (typeof answers)[string];
  const client = await openStream(server);
  await client.post(
    call('begins', 'initialize', {
      protocolVersion: '2025-11-25',
      capabilities: { sampling: { tools: {} }, elicitation: { form: {} }, roots: {} },
      clientInfo: { name: 'x', version: '1' },
    }),
  );
  await client.message('begins');
  await client.post(callTool('asks', 'ask', { method, params }));
  const { id } = await client.notification(method);
  const seconds = await cost(async () => {
    await client.post(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${result}}`);
    const reply = JSON.stringify(await client.message('asks'));
    expect(reply).toContain('"isError":true');
    expect(Buffer.byteLength(reply)).toBeLessThanOrEqual(64 * 1024);
  });
  client.close();
  expect(seconds).toBeLessThan(most);
});

test('a header of 15 KB is answered', async () => {
  for (const name of ['Mcp-Method', 'Mcp-Name', 'MCP-Protocol-Version', 'Mcp-Param-X', 'Last-Event-ID']) {
    const headers = { ...accept, [name]: 'x'.repeat(15_000) };
    const { status } = await post(server, '/mcp', call(1, 'ping'), headers);
    expect([200, 400]).toContain(status);
  }
});

test('whatever JSON comes in whatever place, the server answers and lives', async () => {
  const place = fc.constantFrom<(value: unknown) => unknown>(
    (value) => value,
    (params) => ({ jsonrpc: '2.0', id: 1, method: 'ping', params }),
    (id) => ({ jsonrpc: '2.0', id, method: 'ping' }),
    (method) => ({ jsonrpc: '2.0', id: 1, method }),
    (name) => callTool(1, name as string),
    (args) => callTool(1, 'texts', args as Record<string, unknown>),
    (texts) => callTool(1, 'texts', { texts }),
    (clientInfo) => call(1, 'initialize', { protocolVersion: '2025-06-18', capabilities: {}, clientInfo }),
    (_meta) => call(1, 'ping', { _meta }),
    (result) => ({ jsonrpc: '2.0', id: 1, result }),
    (error) => ({ jsonrpc: '2.0', id: 1, error }),
  );
  const value = fc.oneof(
    fc.jsonValue({ maxDepth: 6 }),
    fc.tuple(fc.jsonValue({ maxDepth: 1 }), fc.integer({ min: 1, max: 120_000 })).map(([item, count]) => {
      const most = Math.floor((3 * MB) / (JSON.stringify(item).length + 1));
      return Array(Math.min(count, most)).fill(item);
    }),
  );
  await fc.assert(
    fc.asyncProperty(place, value, fc.constantFrom(stream.endpoint, '/mcp'), async (place, value, path) => {
      const { status, body } = await post(server, path, place(value), accept);
      expect([200, 202, 400, 404, 500]).toContain(status);
      expect(Buffer.byteLength(body)).toBeLessThanOrEqual(64 * 1024);
    }),
    { numRuns: 100 },
  );
  expect((await send(server, 'GET', '/health')).status).toBe(200);
}, 60_000);
