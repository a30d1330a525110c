import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  type Answer,
  call,
  callTool,
  exchange,
  openStream,
  parseAnswers,
  post,
  rawConnection,
  rawRequest,
  rawStream,
  type Stream,
} from '../support/client.js';
import { goodHeaders, type RunningServer, startServer } from '../support/server.js';

// The shapes a request can have on the wire. What matters is the message in it, not how its bytes are cut.

let server: RunningServer;
let stream: Stream;
const headers = goodHeaders.apikey;
const json = { 'Content-Type': 'application/json' };
const closing = { ...headers, 'Content-Type': 'application/json', Connection: 'close' };
beforeAll(async () => {
  server = await startServer('apikey', { RATE_LIMIT: '0', MAX_CALLS_PER_CLIENT: '1000' });
});
afterAll(() => server.stop());
beforeEach(async () => {
  stream = await openStream(server, { headers });
});
afterEach(() => stream.close());

const text = 'Grüße, 世界 🌍';
const echo = (id: number) => JSON.stringify(callTool(id, 'echo', { text }));

async function expectEcho(answers: Answer[], id = 1) {
  expect(answers).toMatchObject([{ status: 202, body: 'Accepted' }]);
  expect((await stream.message(id)).result.content[0].text).toBe(text);
}

function chunked(...parts: (string | Buffer)[]): Buffer {
  const chunks = parts.map((part) => {
    const bytes = Buffer.from(part as string);
    return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]);
  });
  return Buffer.concat([...chunks, Buffer.from('0\r\n\r\n')]);
}

/** Sends parts one after the other, each only when the one before has left. */
async function sendParts(parts: (string | Buffer)[]): Promise<Answer[]> {
  const connection = await rawConnection(server);
  connection.socket.setNoDelay(true);
  for (const part of parts) {
    await new Promise<void>((resolve) => connection.socket.write(part, () => resolve()));
    await new Promise((resolve) => setImmediate(resolve));
  }
  return parseAnswers(await connection.end());
}

describe('a body', () => {
  test('of a known length is read', async () => {
    await expectEcho(await exchange(server, rawRequest('POST', stream.endpoint, closing, echo(1))));
  });

  test('in chunks is read', async () => {
    const head = rawRequest('POST', stream.endpoint, { ...closing, 'Transfer-Encoding': 'chunked' });
    const bytes = Buffer.from(echo(1));
    const body = chunked(bytes.subarray(0, 7), bytes.subarray(7, 60), bytes.subarray(60));
    await expectEcho(await exchange(server, Buffer.concat([Buffer.from(head), body])));
  });

  test('in chunks with extensions and a trailer is read', async () => {
    const head = rawRequest('POST', stream.endpoint, { ...closing, 'Transfer-Encoding': 'chunked' });
    const bytes = Buffer.from(echo(1));
    const body = [
      Buffer.from(`${bytes.length.toString(16)};a=b\r\n`),
      bytes,
      Buffer.from('\r\n0\r\nX-Trailer: 1\r\n\r\n'),
    ];
    await expectEcho(await exchange(server, Buffer.concat([Buffer.from(head), ...body])));
  });

  test('that arrives byte by byte, splitting characters, is read', async () => {
    const bytes = Buffer.from(rawRequest('POST', stream.endpoint, closing, echo(1)));
    await expectEcho(await sendParts([...bytes].map((byte) => Buffer.from([byte]))));
  });

  test('split in two at any byte is read', async () => {
    const bytes = Buffer.from(echo(1));
    const head = rawRequest('POST', stream.endpoint, { ...closing, 'Content-Length': String(bytes.length) });
    const splits = Array.from(bytes, (_, at) => [head, bytes.subarray(0, at), bytes.subarray(at)]);
    const answers = await Promise.all(
      splits.map((parts) => sendParts(parts.filter((part) => part.length > 0))),
    );
    expect(answers.map(([answer]) => answer?.status)).toEqual(splits.map(() => 202));
    for (const _ of splits) expect((await stream.message(1)).result.content[0].text).toBe(text);
  });

  test('in chunks, split in two at any byte, is read', async () => {
    const head = rawRequest('POST', stream.endpoint, { ...closing, 'Transfer-Encoding': 'chunked' });
    const bytes = Buffer.from(echo(1));
    const body = chunked(bytes.subarray(0, 60), bytes.subarray(60));
    const splits = Array.from(body, (_, at) => [head, body.subarray(0, at), body.subarray(at)]);
    const answers = await Promise.all(
      splits.map((parts) => sendParts(parts.filter((part) => part.length > 0))),
    );
    expect(answers.map(([answer]) => answer?.status)).toEqual(splits.map(() => 202));
    for (const _ of splits) expect((await stream.message(1)).result.content[0].text).toBe(text);
  });

  test('that is cut short is not a message', async () => {
    const connection = await rawConnection(server);
    connection.write(rawRequest('POST', stream.endpoint, { ...closing, 'Content-Length': '5000' }) + echo(1));
    connection.socket.end();
    expect((await connection.end()).startsWith('HTTP/1.1 202')).toBe(false);
    await stream.post(call(2, 'ping'));
    expect(await stream.message()).toMatchObject({ id: 2 });
  });

  test('with invalid UTF-8 is refused, not repaired', async () => {
    const body = Buffer.concat([
      Buffer.from('{"jsonrpc":"2.0","id":1,"method":"x'),
      Buffer.from([0xff]),
      Buffer.from('"}'),
    ]);
    const answer = await stream.post(body);
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.body).error.code).toBe(-32700);
  });
});

describe('a connection', () => {
  test('carries several requests, one after the other', async () => {
    const connection = await rawConnection(server);
    const keep = { ...headers, 'Content-Type': 'application/json' };
    for (let id = 1; id <= 3; id++) {
      connection.write(rawRequest('POST', stream.endpoint, keep, echo(id)));
      await connection.until(new RegExp(`^(HTTP/1.1 202 [^]*?Accepted){${id}}$`));
      await stream.message(id);
    }
    connection.write(rawRequest('GET', '/health', { Connection: 'close' }));
    const answers = parseAnswers(await connection.end());
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 202, 200]);
  });

  test('carries pipelined requests, which are handled in order', async () => {
    const keep = { ...headers, 'Content-Type': 'application/json' };
    const ids = Array.from({ length: 20 }, (_, i) => i + 1);
    const requests = ids.map((id) =>
      rawRequest('POST', stream.endpoint, id === 20 ? closing : keep, echo(id)),
    );
    const answers = await exchange(server, requests.join(''));
    expect(answers.map(({ status }) => status)).toEqual(ids.map(() => 202));
    const order: number[] = [];
    for (const _ of ids) order.push((await stream.message()).id);
    expect(order).toEqual(ids);
  });

  test('stays usable after a refusal', async () => {
    const keep = { ...headers, 'Content-Type': 'application/json' };
    const answers = await exchange(
      server,
      rawRequest('POST', stream.endpoint, keep, '{') +
        rawRequest('GET', '/nothing', {}) +
        rawRequest('POST', '/messages', {}, 'a body that nobody reads') +
        rawRequest('POST', stream.endpoint, closing, echo(1)),
    );
    expect(answers.map(({ status }) => status)).toEqual([400, 404, 401, 202]);
    await stream.message(1);
  });

  test('stays usable after the refusal of a body in chunks', async () => {
    const refused = (path: string, body: string, given: Record<string, string>) =>
      Buffer.concat([
        Buffer.from(rawRequest('POST', path, { 'Transfer-Encoding': 'chunked', ...given })),
        chunked(body, 'in two chunks'),
      ]);
    const keep = { ...headers, ...json };
    const cases: [number, Buffer][] = [
      [400, refused(stream.endpoint, '{', keep)],
      [400, refused(stream.endpoint, '{"text":"', keep)],
      [400, refused('/messages', '{', keep)],
      [401, refused(stream.endpoint, '{', json)],
      [404, refused('/messages?sessionId=unknown', '{', keep)],
      [404, refused('/nothing', '{', keep)],
      [415, refused(stream.endpoint, '{', { ...headers, 'Content-Type': 'text/plain' })],
    ];
    for (const [status, request] of cases) {
      const next = Buffer.from(rawRequest('POST', stream.endpoint, closing, echo(1)));
      const answers = await exchange(server, Buffer.concat([request, next]));
      expect(answers.map(({ status }) => status)).toEqual([status, 202]);
      expect(await stream.message()).toMatchObject({ id: 1 });
    }
  });

  test('that a client wants as a tunnel (CONNECT) is closed without a response', async () => {
    const connection = await rawConnection(server);
    connection.write('CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n');
    expect(await connection.end()).toBe('');
    await stream.post(call(1, 'ping'));
    expect(await stream.message(1)).toMatchObject({ result: {} });
  });

  test('that carries a stream carries nothing else: further bytes end both', async () => {
    for (const more of ['a request', 'no HTTP']) {
      const connection = await rawStream(server, headers);
      const post = rawRequest('POST', connection.endpoint, { ...headers, ...json }, echo(1));
      connection.write(more === 'a request' ? post : 'this is not HTTP\r\n\r\n');
      // The answer said `Connection: close`: what comes after it is not looked at (RFC 9112, section 9.6).
      expect(await connection.end()).not.toMatch(/"id":1|HTTP\/1\.1 [1-5]\d\d [\s\S]*HTTP\/1\.1/);
    }
  });

  test('with pipelined requests cannot carry a stream', async () => {
    const connection = await rawConnection(server);
    connection.write(rawRequest('GET', '/sse', headers) + rawRequest('GET', '/health'));
    await connection.until(/"bad_request"[\s\S]*"status":"ok"/);
    connection.socket.destroy();
  });

  test('answers a limited number of pipelined requests, in order', async () => {
    const orderly = await rawConnection(server);
    orderly.write(rawRequest('GET', '/none') + rawRequest('GET', '/health') + rawRequest('GET', '/sse'));
    await orderly.until(/HTTP\/1\.1 404 [\s\S]*HTTP\/1\.1 200 [\s\S]*HTTP\/1\.1 401 /);
    orderly.socket.destroy();

    const flood = await rawConnection(server);
    const half = `POST /messages HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n`;
    flood.write(rawRequest('GET', '/sse', headers) + half.repeat(500));
    await flood.closed;
  });

  test('may write the query differently than the endpoint event', async () => {
    const id = stream.endpoint.split('=')[1] as string;
    for (const [n, query] of [
      `session%49d=${id}`,
      `x=1&sessionId=${id}&y`,
      `sessionId=%${id.charCodeAt(0).toString(16)}${id.slice(1)}`,
    ].entries()) {
      const answer = await post(server, `/messages?${query}`, call(n, 'ping'), headers);
      expect(answer.status, query).toBe(202);
      await stream.message(n);
    }
  });

  test('may ask for the whole URL, as some proxies do, with the host that Host names', async () => {
    const accept = { Accept: 'application/json, text/event-stream' };
    const status = async (method: string, target: string, body?: string) => {
      const host = { Host: 'localhost:8080', Connection: 'close' };
      const connection = await rawConnection(server);
      connection.write(rawRequest(method, target, { ...headers, ...json, ...accept, ...host }, body));
      return Number((await connection.end()).split(' ')[1]);
    };
    expect(await status('GET', 'http://localhost:8080/health?x')).toBe(200);
    expect(await status('POST', `HTTPS://localhost:8080${stream.endpoint}`, echo(1))).toBe(202);
    expect(await status('POST', 'http://localhost:8080/mcp', echo(1))).toBe(200);
    expect(await status('GET', 'http://evil.example/health')).toBe(404);
    expect(await status('GET', 'http://localhost/health')).toBe(404);
  });

  test('never gets the refusal of a later request as, or within, the response to a call', async () => {
    const call = JSON.stringify(callTool(1, 'countdown', { seconds: 1 }));
    const withProgress = call.replace('"arguments"', '"_meta":{"progressToken":1},"arguments"');
    const accept = { Accept: 'application/json, text/event-stream' };
    for (const body of [call, withProgress]) {
      const connection = await rawConnection(server);
      connection.write(rawRequest('POST', '/mcp', { ...headers, ...json, ...accept }, body));
      if (body === withProgress) await connection.until(/notifications\/progress/);
      connection.write('this is not HTTP\r\n\r\n');
      expect(await connection.end()).not.toContain('HTTP/1.1 400');
    }
  });

  test('a stream requested with a body stays open, and ends when its client leaves', async () => {
    const { session, socket } = await rawStream(server, headers, 'x'.repeat(500_000));
    socket.destroy();
    await server.logged({ msg: 'session closed', session, reason: 'client_gone' });
  });
});

describe('HTTP/1.0', () => {
  test('a message without Host and keep-alive is accepted, and the connection is closed', async () => {
    const body = echo(1);
    const request =
      `POST ${stream.endpoint} HTTP/1.0\r\nX-API-Key: ${headers['X-API-Key']}\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
    await expectEcho(await exchange(server, request));
  });

  test('a stream has no chunks and ends with its connection', async () => {
    const connection = await rawConnection(server);
    connection.write(`GET /sse HTTP/1.0\r\nX-API-Key: ${headers['X-API-Key']}\r\n\r\n`);
    const text = await connection.until(/\n\n/);
    const [head, body] = text.split('\r\n\r\n');
    expect(head).not.toMatch(/transfer-encoding/i);
    expect(body).toMatch(/^event: endpoint\ndata: \/messages\?sessionId=[\w-]+\nid: [\w-]+:0\n\n$/);
    connection.socket.destroy();
  });

  test('a host that is not allowed is refused', async () => {
    const [answer] = await exchange(server, 'GET /sse HTTP/1.0\r\nHost: evil.example.com\r\n\r\n');
    expect(answer?.status).toBe(403);
  });
});

describe('a malformed request gets 400, and the connection is closed', () => {
  const post = (lines: string) => `POST /messages HTTP/1.1\r\nHost: localhost\r\n${lines}\r\n\r\n`;
  test.each([
    ['no HTTP at all', 'hello\r\n\r\n'],
    ['an unknown method', 'BREW /sse HTTP/1.1\r\nHost: localhost\r\n\r\n'],
    ['no Host in HTTP/1.1', 'GET /sse HTTP/1.1\r\n\r\n'],
    ['two Hosts', 'GET /sse HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n'],
    ['the same Host twice', 'GET /sse HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n'],
    ['both kinds of length', `${post('Content-Length: 4\r\nTransfer-Encoding: chunked')}0\r\n\r\n`],
    ['two lengths that differ', `${post('Content-Length: 4\r\nContent-Length: 5')}abcde`],
    ['a length that is no number', `${post('Content-Length: 4x')}abcd`],
    ['a negative length', `${post('Content-Length: -1')}`],
    ['a bad chunk size', `${post('Transfer-Encoding: chunked')}xyz\r\nabc\r\n0\r\n\r\n`],
    ['chunks not last among the codings', `${post('Transfer-Encoding: chunked, identity')}0\r\n\r\n`],
    ['a space before the colon', `${post('Content-Length : 4')}abcd`],
    ['a folded header', `${post('X-One: 1\r\n two')}`],
    ['a bare CR in a header', `${post('X-One: 1\rX-Two: 2')}`],
    ['NUL in a header', `${post('X-One: \0')}`],
  ])('%s', async (_, bytes) => {
    const [answer] = await exchange(server, bytes);
    expect(answer?.status).toBe(400);
    expect(answer?.headers.connection).toBe('close');
  });

  test('headers above 16 KB get 431', async () => {
    const [answer] = await exchange(server, rawRequest('GET', '/sse', { 'X-Long': 'x'.repeat(20_000) }));
    expect(answer?.status).toBe(431);
    expect(JSON.parse(answer?.body as string).error.code).toBe('headers_too_large');
  });

  test('an empty Host gets 403', async () => {
    const [answer] = await exchange(server, rawRequest('GET', '/health', { Host: '', Connection: 'close' }));
    expect(answer?.status).toBe(403);
  });

  test('an expectation other than 100-continue is ignored', async () => {
    const [answer] = await exchange(
      server,
      rawRequest('GET', '/health', { Expect: 'the-unexpected', Connection: 'close' }),
    );
    expect(answer?.status).toBe(200);
  });
});
