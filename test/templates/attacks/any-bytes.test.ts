import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  call,
  callTool,
  eventually,
  openStream,
  parseAnswers,
  rawConnection,
  type Stream,
  send,
} from '../support/client.js';
import { type RunningServer, startServer } from '../support/server.js';

// Whatever bytes come: the server lives, no session is left behind, and each answer is one of the contract.

let server: RunningServer;
let stream: Stream;
beforeAll(async () => {
  server = await startServer('none', { RATE_LIMIT: '0', MAX_MESSAGE_SIZE: '4kb' });
  stream = await openStream(server);
});
afterAll(() => server.stop());

const statuses = [100, 200, 202, 204, 400, 403, 404, 405, 408, 413, 415, 431];

/** The path of the test's own session, which is not known yet when requests are described. */
const messages = '/the-session';

const knownPath = fc.constantFrom(
  '/sse',
  '/sse/',
  '/messages',
  '/messages?sessionId=x',
  '/',
  '/health',
  '*',
  '//',
  'http://localhost/sse',
);
const path = fc.oneof(
  { weight: 12, arbitrary: fc.constant(messages) },
  { weight: 6, arbitrary: knownPath },
  fc.webUrl({ withQueryParameters: true }).map((url) => url.slice(url.indexOf('/', 8))),
  fc.string({ unit: 'binary-ascii' }),
);
const knownHeader = fc.constantFrom(
  'Content-Type: application/json',
  'Content-Type: text/plain',
  'Content-Encoding: gzip',
  'Expect: 100-continue',
  'Connection: close',
  'Connection: upgrade\r\nUpgrade: websocket',
  'Origin: null',
  'Origin: http://localhost',
  'Host: evil.example.com',
  'Accept: text/event-stream',
  'Transfer-Encoding: chunked',
  'Content-Length: 5',
  'Content-Length: 99999999999999999999',
  'Cookie: a=b',
);
const header = fc.oneof(
  { weight: 6, arbitrary: knownHeader },
  {
    weight: 6,
    arbitrary: fc.string({ unit: 'grapheme-ascii', maxLength: 20 }).map((value) => `X-Any: ${value}`),
  },
  fc.string({ unit: 'binary', maxLength: 40 }),
);
const message = fc.oneof(
  fc.constant(call(1, 'ping')),
  fc.constant(callTool(2, 'echo', { text: 'hello' })),
  fc.constant({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } }),
  fc.record(
    { jsonrpc: fc.constant('2.0'), id: fc.jsonValue(), method: fc.string(), params: fc.jsonValue() },
    { requiredKeys: [] },
  ),
  fc.jsonValue(),
);
const body = fc.oneof(
  message.map((value) => Buffer.from(JSON.stringify(value))),
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  fc.nat(6000).map((length) => Buffer.alloc(length, 'x')),
);

/** A request that is mostly right: its length fits, unless a header of its own says otherwise. */
const request = fc
  .record({
    method: fc.constantFrom(
      ...Array<string>(8).fill('POST'),
      'GET',
      'GET',
      'OPTIONS',
      'PUT',
      'DELETE',
      'BREW',
    ),
    path,
    version: fc.constantFrom(...Array<string>(12).fill('1.1'), '1.0', '2.0', '9'),
    headers: fc.oneof({ weight: 2, arbitrary: fc.constant([]) }, fc.array(header, { maxLength: 3 })),
    body,
    json: fc.constantFrom(true, true, true, false),
    chunked: fc.boolean(),
  })
  .map(({ method, path, version, headers, body, json, chunked }) => {
    const lines = ['Host: localhost', ...headers];
    if (json) lines.push('Content-Type: application/json');
    lines.push(chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${body.length}`);
    const head = `${method} ${path} HTTP/${version}\r\n${lines.join('\r\n')}\r\n\r\n`;
    const size = Buffer.from(`${body.length.toString(16)}\r\n`);
    const content = chunked ? [size, body, Buffer.from(body.length > 0 ? '\r\n0\r\n\r\n' : '\r\n')] : [body];
    return Buffer.concat([Buffer.from(head), ...content]);
  });

/** The same with some bytes changed, cut out or put in. */
const broken = fc
  .tuple(
    request,
    fc.array(fc.tuple(fc.nat(), fc.nat(20), fc.uint8Array({ maxLength: 20 })), {
      minLength: 1,
      maxLength: 5,
    }),
  )
  .map(([bytes, changes]) => {
    let result = bytes;
    for (const [at, cut, put] of changes) {
      const from = at % (result.length + 1);
      result = Buffer.concat([result.subarray(0, from), put, result.subarray(from + cut)]);
    }
    return result;
  });
const anything = fc.uint8Array({ maxLength: 500 }).map((bytes) => Buffer.from(bytes));

const connection = fc.tuple(
  fc.array(fc.oneof({ weight: 4, arbitrary: request }, { weight: 3, arbitrary: broken }, anything), {
    minLength: 1,
    maxLength: 4,
  }),
  fc.array(fc.nat(), { maxLength: 3 }),
);

/** Statuses that came, to know that the bytes reach every part of the server. */
const seen = new Set<number>();

/** Answers as the contract has them; what follows the head of a stream are events. */
function expectAnswers(text: string) {
  const stream = text.indexOf('\r\nContent-Type: text/event-stream\r\n');
  const begin = stream < 0 ? text.length : text.lastIndexOf('HTTP/1.1 200 OK\r\n', stream);
  const rest = text.slice(begin);
  expect(rest).toMatch(
    /^(HTTP\/1\.1 200 OK\r\n([^\r\n]+\r\n)+\r\n(([\da-f]+\r\n)?((id: .*\n)?event: (endpoint|message)\ndata: .*|: .*)\n\n(\r\n)?)*)?$/,
  );
  for (const { status, headers, body } of parseAnswers(text.slice(0, begin))) {
    seen.add(status);
    expect(statuses).toContain(status);
    const isError = status >= 400 && headers['content-type'] === 'application/json';
    expect(isError ? Object.keys(JSON.parse(body)) : ['error']).toContain('error');
  }
}

test('any bytes', { timeout: 60_000 }, async () => {
  const own = Buffer.from(messages);
  await fc.assert(
    fc.asyncProperty(connection, async ([requests, cuts]) => {
      let bytes = Buffer.concat(requests);
      for (let at = bytes.indexOf(own); at >= 0; at = bytes.indexOf(own)) {
        bytes = Buffer.concat([
          bytes.subarray(0, at),
          Buffer.from(stream.endpoint),
          bytes.subarray(at + own.length),
        ]);
      }
      const client = await rawConnection(server);
      client.socket.setNoDelay(true);
      const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
      let from = 0;
      for (const end of ends) {
        client.write(bytes.subarray(from, end));
        from = end;
        await new Promise((resolve) => setImmediate(resolve));
      }
      await client.quiet();
      client.socket.end();
      expectAnswers(await client.end());
    }),
    { numRuns: 1_000_000, interruptAfterTimeLimit: 12_000 },
  );

  expect([...seen].sort()).toEqual(expect.arrayContaining([200, 202, 204, 400, 403, 404, 405, 413, 415]));
  const sessions = () => send(server, 'GET', '/health').then(({ body }) => JSON.parse(body).sessions);
  await eventually(sessions, (open) => open === 1);
  await stream.post(call('the-last', 'ping'));
  expect(await stream.message('the-last')).toMatchObject({ result: {} });
  // Neither a 500 nor an exception that nobody expected.
  expect(server.output()).not.toMatch(/"level":"error"/);
});
