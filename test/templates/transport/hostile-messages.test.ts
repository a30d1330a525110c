import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  call,
  callTool,
  openStream,
  post,
  rawConnection,
  rawRequest,
  type Stream,
  send,
} from '../support/client.js';
import { secret } from '../support/projects.js';
import { goodHeaders, type RunningServer, startServer } from '../support/server.js';

// Bodies and credentials that somebody sends who means harm. Each is answered with an error, and the session goes on.

let server: RunningServer;
let stream: Stream;
const headers = goodHeaders.apikey;
beforeAll(async () => {
  server = await startServer('apikey', {
    RATE_LIMIT: '0',
    LOG_LEVEL: 'debug',
    AUTH_FAILURES_PER_MINUTE: '1000',
  });
});
afterAll(() => server.stop());
beforeEach(async () => {
  stream = await openStream(server, { headers });
});
afterEach(() => stream.close());

async function expectGoesOn() {
  await stream.post(call('after', 'ping'));
  expect(await stream.message()).toEqual({ jsonrpc: '2.0', id: 'after', result: {} });
}

const nested = (open: string, close: string, levels: number) => open.repeat(levels) + close.repeat(levels);

describe('a body that is not JSON gets -32700', () => {
  test.each([
    ['nothing', ''],
    ['half an object', '{"jsonrpc":"2.0"'],
    ['text behind it', '{"jsonrpc":"2.0","id":1,"method":"ping"} x'],
    ['two values', '{"jsonrpc":"2.0","id":1,"method":"ping"}\n{"jsonrpc":"2.0","id":2,"method":"ping"}'],
    ['NUL', '\0'],
    ['NUL inside', '{"jsonrpc":"2.0","id":1,"method":"pi\0ng"}'],
    ['a byte order mark', '\ufeff{"jsonrpc":"2.0","id":1,"method":"ping"}'],
    ['a number that is none', '{"jsonrpc":"2.0","id":NaN,"method":"ping"}'],
    ['single quotes', "{'jsonrpc':'2.0','id':1,'method':'ping'}"],
    ['UTF-16', Buffer.from('{"jsonrpc":"2.0","id":1,"method":"ping"}', 'utf16le')],
    [
      'a surrogate in UTF-8',
      Buffer.concat([Buffer.from('"'), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from('"')]),
    ],
    [
      'an overlong UTF-8 sequence',
      Buffer.concat([Buffer.from('"'), Buffer.from([0xc0, 0xaf]), Buffer.from('"')]),
    ],
  ])('%s', async (_, body) => {
    const answer = await stream.post(body);
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.body)).toMatchObject({ jsonrpc: '2.0', id: null, error: { code: -32700 } });
    await expectGoesOn();
  });
});

describe('JSON that is not one message gets -32600', () => {
  test.each([
    ['null', 'null'],
    ['an empty list', '[]'],
    ['a list of messages', `[${JSON.stringify(call(1, 'ping'))}]`],
    ['a number', '42'],
    ['a text', '"ping"'],
    ['true', 'true'],
    ['an empty object', '{}'],
    ['10,000 lists in each other', nested('[', ']', 10_000)],
    ['1,000,000 lists in each other', nested('[', ']', 1_000_000)],
    ['10,000 objects in each other', nested('{"a":', '}', 10_000).replace(':}', ':1}')],
    ['no version', '{"id":1,"method":"ping"}'],
    ['another version', '{"jsonrpc":"1.0","id":1,"method":"ping"}'],
    ['an id of null', '{"jsonrpc":"2.0","id":null,"method":"ping"}'],
    ['an id that is an object', '{"jsonrpc":"2.0","id":{},"method":"ping"}'],
    ['an id that is no whole number', '{"jsonrpc":"2.0","id":1.5,"method":"ping"}'],
    ['a method that is a number', '{"jsonrpc":"2.0","id":1,"method":1}'],
    ['params that are a list', '{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}'],
    ['a method in capitals', '{"jsonrpc":"2.0","id":1,"Method":"ping"}'],
    ['a method and one in capitals', '{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call"}'],
    ['a method in its prototype', '{"jsonrpc":"2.0","id":1,"__proto__":{"method":"ping"}}'],
    ['a prototype beside the method', '{"jsonrpc":"2.0","id":1,"method":"ping","__proto__":{"id":2}}'],
    ['a result and an error', '{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":"x"}}'],
    ['a request and a result', '{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}'],
  ])('%s', async (_, body) => {
    const answer = await stream.post(body);
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.body)).toMatchObject({ jsonrpc: '2.0', id: null, error: { code: -32600 } });
    await expectGoesOn();
  });
});

describe('a valid but hostile message is only a message', () => {
  test.each([
    ['a method of every object', 'constructor'],
    ['a method of every object, by its other name', '__proto__'],
    ['a method with a name of 256 characters', 'x'.repeat(256)],
    ['a method without a name', ''],
  ])('%s is not a method of the server', async (_, method) => {
    await stream.post(call(1, method));
    expect(await stream.message(1)).toMatchObject({ error: { code: -32601 } });
    await expectGoesOn();
  });

  test.each(['constructor', '__proto__', 'toString', 'no-such-tool'])('%s is not a tool', async (name) => {
    await stream.post(callTool(1, name));
    const reply = await stream.message(1);
    expect(reply.error ?? { code: reply.result.isError && -32602 }).toMatchObject({ code: -32602 });
    await expectGoesOn();
  });

  test('arguments cannot reach the prototype of other objects', async () => {
    const body =
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"a","__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}}}';
    expect((await stream.post(body)).status).toBe(202);
    await stream.message(1);
    await stream.post(callTool(2, 'echo', { text: 'b' }));
    expect(await stream.message(2)).not.toHaveProperty('polluted');
    await expectGoesOn();
  });

  test('arguments nested 90 deep are answered', async () => {
    const deep = nested('{"a":', '}', 90).replace(':}', ':1}');
    const body = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"a","more":${deep}}}}`;
    expect((await stream.post(body)).status).toBe(202);
    expect(await stream.message(1)).toHaveProperty('id', 1);
    await expectGoesOn();
  });

  test('the last value of a duplicate key counts, once', async () => {
    const body = '{"jsonrpc":"2.0","id":1,"id":2,"method":"tools/list","method":"ping"}';
    expect((await stream.post(body)).status).toBe(202);
    expect(await stream.message()).toEqual({ jsonrpc: '2.0', id: 2, result: {} });
    await expectGoesOn();
  });

  test('a client that leaves during its call', async () => {
    const leaving = await openStream(server, { headers });
    await leaving.post(callTool(1, 'countdown', { seconds: 1 }));
    leaving.close();
    const half = await rawConnection(server);
    half.write(
      rawRequest(
        'POST',
        stream.endpoint,
        { ...headers, 'Content-Type': 'application/json', 'Content-Length': '100' },
        '{',
      ),
    );
    half.socket.destroy();
    await server.logged({ msg: 'session closed', session: leaving.endpoint.split('=')[1]?.slice(0, 8) });
    await expectGoesOn();
  });
});

describe('a malformed credential is refused', () => {
  const key = secret;
  test.each([
    ['when it is missing', []],
    ['when it is empty', [['X-API-Key', '']]],
    ['when it is wrong', [['X-API-Key', 'x'.repeat(key.length)]]],
    ['when it has more behind it', [['X-API-Key', `${key}x`]]],
    ['when it is cut', [['X-API-Key', key.slice(0, -1)]]],
    [
      'when it comes twice',
      [
        ['X-API-Key', key],
        ['X-API-Key', key],
      ],
    ],
    [
      'when a wrong one comes first',
      [
        ['X-API-Key', 'wrong'],
        ['X-API-Key', key],
      ],
    ],
    ['in a header of another name', [['X-Api-Token', key]]],
    ['in a cookie', [['Cookie', `X-API-Key=${key}`]]],
    ['of the Basic scheme', [['Authorization', `Basic ${Buffer.from(`:${key}`).toString('base64')}`]]],
  ])('%s', async (_, lines) => {
    const own = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    for (const [method, path] of [
      ['GET', '/sse'],
      ['POST', stream.endpoint],
    ]) {
      const connection = await rawConnection(server);
      connection.write(`${method} ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${own}\r\n`);
      const text = await connection.end();
      expect(text).toMatch(/^HTTP\/1\.1 401 /);
      expect(text).toMatch(/\r\nWWW-Authenticate: /i);
      expect(text).not.toContain('event:');
    }
  });

  test.each(['api_key', 'apiKey', 'X-API-Key', 'access_token', 'token', 'key'])(
    'in the query, as %s',
    async (name) => {
      expect((await send(server, 'GET', `/sse?${name}=${key}`)).status).toBe(401);
      expect((await post(server, `${stream.endpoint}&${name}=${key}`, call(1, 'ping'))).status).toBe(401);
    },
  );
});

test('neither the log nor an error contains a key, a body or a stack', async () => {
  const marks = ['mark-in-a-body', 'mark-in-a-key-0123456789', 'mark-in-a-header', 'mark-in-the-query'];
  const [inBody, inKey, inHeader, inQuery] = marks as [string, string, string, string];
  const answers = [
    await stream.post(`{"${inBody}"`),
    await stream.post(JSON.stringify({ [inBody]: 1 })),
    await stream.post(callTool(1, 'echo', { text: [inBody] })),
    await stream.post({ jsonrpc: '2.0', id: inBody, result: { [inBody]: inBody } }),
    await stream.post({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: [inBody] } }),
    await stream.post(inBody, { 'Content-Type': inHeader }),
    await post(server, `/messages?sessionId=${inQuery}`, inBody, headers),
    await post(server, stream.endpoint, inBody, { 'X-API-Key': inKey }),
    await post(server, stream.endpoint, inBody, { Authorization: `Bearer ${inKey}` }),
    await send(server, 'GET', `/sse?x=${inQuery}`, { headers: { Accept: inHeader, Cookie: inHeader } }),
  ];
  await stream.message(1);
  const id = stream.endpoint.split('=')[1] as string;
  for (const { body } of answers) {
    for (const mark of marks) expect(body).not.toContain(mark);
    expect(body).not.toMatch(/\n\s+at |node_modules|\.js:\d/);
  }
  for (const mark of [...marks, secret, id]) expect(server.output()).not.toContain(mark);
});
