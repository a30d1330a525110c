import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { callTool, openStream, post, rawConnection, rawStream } from '../support/client.js';
import { type RunningServer, startTestServer } from '../support/server.js';

// The bytes of the event stream: framed as HTTP frames a body of unknown length, and with no line break in an event that
// only some clients see.

let server: RunningServer;
beforeAll(async () => {
  server = await startTestServer('none');
});
afterAll(() => server.stop('SIGKILL'));

/** The body of a chunked response, checked byte for byte. */
function unframed(text: string): string {
  const bytes = Buffer.from(text);
  let at = bytes.indexOf('\r\n\r\n') + 4;
  const parts: Buffer[] = [];
  while (at < bytes.length) {
    const end = bytes.indexOf('\r\n', at);
    const size = bytes.subarray(at, end).toString();
    expect(size).toMatch(/^[\da-f]+$/);
    const length = Number.parseInt(size, 16);
    parts.push(bytes.subarray(end + 2, end + 2 + length));
    expect(bytes.subarray(end + 2 + length, end + 4 + length).toString()).toBe('\r\n');
    at = end + 4 + length;
  }
  return Buffer.concat(parts).toString();
}

describe('the stream over HTTP/1.1', () => {
  test('is chunked, each event in one piece, whatever it holds', async () => {
    const { head, endpoint, ...connection } = await rawStream(server);
    expect(head).toMatch(/\r\ntransfer-encoding: chunked\r\n/i);
    for (const [id, text] of ['x', 'é', '\u0085\u2028\u2029', '\u{1f600}', 'x'.repeat(300_000)].entries()) {
      await post(server, endpoint, callTool(id, 'echo', { text }));
      await connection.until(new RegExp(`"id":${id}\\}\nid: .*\n\n`));
    }
    await post(server, endpoint, callTool(9, 'leave'));
    const body = unframed(await connection.end());
    expect(body.split('\n\n')).toHaveLength(8); // The last is empty.
    for (const event of body.trimEnd().split('\n\n'))
      expect(event).toMatch(/^event: (endpoint|message)\ndata: [^\n]+(\nid: \S+)?$/);
  });

  test('ends with its last chunk when the server ends it', async () => {
    const { endpoint, ...connection } = await rawStream(server);
    await post(server, endpoint, callTool(9, 'leave'));
    expect(await connection.end()).toMatch(/\r\n0\r\n\r\n$/);
  });
});

test('over HTTP/1.0 the stream is not framed', async () => {
  const connection = await rawConnection(server);
  connection.write('GET /sse HTTP/1.0\r\nHost: localhost\r\n\r\n');
  const text = await connection.until(/data: \S+\nid: \S+\n\n/);
  expect(text).not.toMatch(/transfer-encoding/i);
  expect(text).toMatch(/\r\n\r\nevent: endpoint\ndata: \S+\nid: \S+:0\n\n$/);
  connection.socket.destroy();
});

test('no text has a line break that Python sees and the standard does not, over both transports', async () => {
  const stream = await openStream(server);
  const unit = fc.oneof(
    fc.constantFrom('\u0085', '\u2028', '\u2029', '\v', '\f', '\x1c', '\x1d', '\x1e', '\r', '\n', '"', '\\'),
    fc.string({ unit: 'grapheme', maxLength: 3 }),
  );
  let id = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(unit, { maxLength: 30 }), async (units) => {
      const text = units.join('').toWellFormed();
      await stream.post(callTool(++id, 'echo', { text }));
      const event = await stream.next(({ data }) => JSON.parse(data).id === id);
      const { body } = await post(server, '/mcp', callTool(id, 'echo', { text }), {
        Accept: 'application/json, text/event-stream',
      });
      const other = /^data: (.*)$/m.exec(body)?.[1] ?? '';
      for (const data of [event.data, other]) {
        expect(data).not.toMatch(/[\p{Cc}\u2028\u2029]/u);
        expect(JSON.parse(data).result.content[0].text).toBe(text);
      }
    }),
  );
  stream.close();
}, 60_000);
