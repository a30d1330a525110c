import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  call,
  callTool,
  exchange,
  openStream,
  parseAnswers,
  rawConnection,
  rawRequest,
  type Stream,
} from '../support/client.js';
import { type RunningServer, startTestServer } from '../support/server.js';

const KB = 1024;
const MB = 1024 * KB;
const json = { 'Content-Type': 'application/json' };

let server: RunningServer;
let stream: Stream;
beforeAll(async () => {
  server = await startTestServer('none', { MAX_MESSAGE_SIZE: '64kb' });
});
afterAll(() => server.stop());
beforeEach(async () => {
  stream = await openStream(server);
});
afterEach(() => stream.close());

/** A ping with so many bytes in all. */
function pingOf(bytes: number): string {
  const empty = JSON.stringify(call(1, 'ping', { filler: '' }));
  return JSON.stringify(call(1, 'ping', { filler: 'x'.repeat(bytes - empty.length) }));
}

async function inside() {
  await stream.post(callTool('inside', 'inside'));
  return JSON.parse((await stream.message('inside')).result.content[0].text);
}

test('a message of exactly the limit is accepted, and one byte more is not', async () => {
  expect((await stream.post(pingOf(64 * KB))).status).toBe(202);
  const answer = await stream.post(pingOf(64 * KB + 1));
  expect(answer.status).toBe(413);
  expect(answer.headers.connection).toBe('close');
  expect(JSON.parse(answer.body).error).toEqual({
    code: 'message_too_large',
    message: 'A message may have at most 65536 bytes',
  });
});

test('the limit counts bytes, not characters', async () => {
  const message = JSON.stringify(call(1, 'ping', { filler: '€'.repeat(22 * KB) }));
  expect(message.length).toBeLessThan(64 * KB);
  expect((await stream.post(message)).status).toBe(413);
});

test('a message that is too large by its Content-Length is refused before its body arrives', async () => {
  const connection = await rawConnection(server);
  connection.write(rawRequest('POST', stream.endpoint, { ...json, 'Content-Length': String(1000 * MB) }));
  expect(await connection.until(/message_too_large/)).toMatch(/^HTTP\/1\.1 413 /);
  await connection.closed; // Although the client neither sends nor closes.
});

test('a chunked message that is too large is refused as soon as it exceeds the limit', async () => {
  const connection = await rawConnection(server);
  connection.write(rawRequest('POST', stream.endpoint, { ...json, 'Transfer-Encoding': 'chunked' }));
  const chunk = `1000\r\n${'x'.repeat(4 * KB)}\r\n`;
  for (let i = 0; i < 17; i++) connection.write(chunk); // 68 KB, and the last chunk never comes.
  expect(await connection.until(/message_too_large/)).toMatch(/^HTTP\/1\.1 413 /);
  await connection.closed;
});

test('a client that reads only after it has sent everything still gets the response', async () => {
  const connection = await rawConnection(server);
  connection.socket.pause();
  const request = rawRequest('POST', stream.endpoint, json, 'x'.repeat(8 * MB));
  await new Promise<void>((resolve, reject) => {
    connection.socket.write(request, (error) => (error ? reject(error) : resolve()));
  });
  connection.socket.resume();
  expect(parseAnswers(await connection.end())).toMatchObject([{ status: 413 }]);
});

test('bytes after a 413 are not taken for another request', async () => {
  const hidden = rawRequest(
    'POST',
    stream.endpoint,
    json,
    JSON.stringify(callTool(9, 'echo', { text: 'hidden' })),
  );
  const answers = await exchange(
    server,
    rawRequest('POST', stream.endpoint, { ...json, 'Content-Length': String(1000 * MB) }) + hidden,
  );
  expect(answers.map(({ status }) => status)).toEqual([413]);
  await stream.post(call(2, 'ping'));
  expect(await stream.message()).toMatchObject({ id: 2 });
});

test.each(['gzip', 'deflate', 'br', 'gzip, identity'])(
  'a body compressed with %s gets 415',
  async (encoding) => {
    const bomb = gzipSync(Buffer.alloc(20 * MB, ' '));
    expect(bomb.length).toBeLessThan(64 * KB);
    const answer = await stream.post(bomb, { 'Content-Encoding': encoding });
    expect(answer.status).toBe(415);
  },
);

test('memory stays flat under 50 simultaneous uploads that are too large', async () => {
  const before = await inside();
  const chunk = `10000\r\n${'x'.repeat(64 * KB)}\r\n`;
  const uploads = Array.from({ length: 50 }, async (_, i) => {
    const connection = await rawConnection(server);
    const length = i % 2 ? { 'Transfer-Encoding': 'chunked' } : { 'Content-Length': String(20 * MB) };
    connection.write(rawRequest('POST', stream.endpoint, { ...json, ...length }));
    // Goes on sending whatever the server says, as much as it takes.
    const send = () => {
      for (let n = 0; n < 16; n++) connection.write(chunk);
    };
    connection.socket.on('drain', send);
    send();
    return parseAnswers(await connection.end());
  });
  for (const [answer] of await Promise.all(uploads)) expect(answer?.status).toBe(413);
  const after = await inside();
  expect((after.peakRss - before.peakRss) / MB).toBeLessThan(100);
}, 30_000);

describe('Expect: 100-continue', () => {
  const expecting = { ...json, Expect: '100-continue', Connection: 'close' };

  test('gets 100 if the body is wanted', async () => {
    const connection = await rawConnection(server);
    const body = JSON.stringify(call(1, 'ping'));
    connection.write(
      rawRequest('POST', stream.endpoint, { ...expecting, 'Content-Length': String(body.length) }),
    );
    await connection.until(/^HTTP\/1\.1 100 Continue\r\n\r\n$/);
    connection.write(body);
    const text = await connection.end();
    expect(text).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 202 /);
    expect(await stream.message(1)).toMatchObject({ result: {} });
  });

  test.each([
    ['too large', 413, () => stream.endpoint, { 'Content-Length': String(MB) }],
    ['of another type', 415, () => stream.endpoint, { 'Content-Length': '9', 'Content-Type': 'text/plain' }],
    ['for no session', 404, () => '/messages?sessionId=unknown', { 'Content-Length': '9' }],
    ['from a foreign host', 403, () => '/messages', { 'Content-Length': '9', Host: 'evil.example.com' }],
  ])('gets a refusal without 100 if the body is %s', async (_, status, path, given) => {
    const [first, ...rest] = await exchange(server, rawRequest('POST', path(), { ...expecting, ...given }));
    expect(first?.status).toBe(status);
    expect(rest).toEqual([]);
  });
});
