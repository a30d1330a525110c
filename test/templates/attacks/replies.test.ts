import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { call, callTool, openStream, post, type Stream } from '../support/client.js';
import { type RunningServer, startTestServer } from '../support/server.js';

// Results that JSON cannot hold. Each is that call's error, at once and over both transports.

const kinds = [
  'nothing',
  'null',
  'text',
  'list',
  'function',
  'bigint',
  'cycle',
  'throwingToJson',
  'emptyToJson',
  'throwingGetter',
  'deep',
];
const requests = {
  'a tool': (kind: string) => callTool(1, 'odd', { kind }),
  'a resource': (kind: string) => call(1, 'resources/read', { uri: `odd://${kind}` }),
  'a prompt': (kind: string) => call(1, 'prompts/get', { name: 'odd', arguments: { kind } }),
};

let server: RunningServer;
let stream: Stream;
beforeAll(async () => {
  server = await startTestServer('none');
  stream = await openStream(server);
});
afterAll(() => server.stop('SIGKILL'));

/** The reply of each transport. */
const replies = {
  async sse(request: object) {
    await stream.post(request);
    return stream.message(1, 3000);
  },
  async 'Streamable HTTP'(request: object) {
    const accept = { Accept: 'application/json, text/event-stream' };
    const { body } = await post(server, '/mcp', request, accept);
    return JSON.parse(/^data: (.*)$/m.exec(body)?.[1] ?? body);
  },
};

for (const [transport, replyTo] of Object.entries(replies)) {
  describe(`over ${transport}`, () => {
    for (const [what, request] of Object.entries(requests)) {
      test.each(kinds)(`${what} whose result is %s gets an error`, async (kind) => {
        const reply = await replyTo(request(kind));
        expect(reply).toMatchObject({ jsonrpc: '2.0', id: 1 });
        expect(reply.error !== undefined || reply.result?.isError === true, JSON.stringify(reply)).toBe(true);
      });
    }

    test('a result with a field named toJSON is sent as it is', async () => {
      const reply = await replyTo(callTool(1, 'echo', { text: '{"toJSON":1}' }));
      expect(reply.result.content[0].text).toBe('{"toJSON":1}');
    });

    test('an error that no client can be sent whole is cut', async () => {
      const uri = `odd://${'\u0001'.repeat(600_000)}`;
      const reply = await replyTo(call(1, 'resources/read', { uri }));
      expect(reply.error.message).toMatch(/./);
      expect(Buffer.byteLength(JSON.stringify(reply))).toBeLessThanOrEqual(64 * 1024);
    });
  });
}
