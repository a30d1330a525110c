import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { call, callTool, openStream, send } from '../support/client.js';
import { goodHeaders, type RunningServer, startServer } from '../support/server.js';

const headers = goodHeaders.apikey;

describe('the stream', () => {
  let server: RunningServer;
  beforeAll(async () => {
    server = await startServer('apikey', { RATE_LIMIT: '0' });
  });
  afterAll(() => server.stop());

  test('begins at once with the path to POST to', async () => {
    const before = performance.now();
    const stream = await openStream(server, { headers });
    expect(performance.now() - before).toBeLessThan(1000);
    expect(stream.firstEvent).toBe('endpoint');
    expect(stream.endpoint).toMatch(/^\/messages\?sessionId=[\w-]{22}$/);
    stream.close();
  });

  test('carries named events and nothing else', async () => {
    const stream = await openStream(server, { headers });
    await stream.post(
      call(1, 'initialize', {
        protocolVersion: '2024-11-05',
        capabilities: {},
        clientInfo: { name: 'a', version: '1' },
      }),
    );
    await stream.post(callTool(2, 'echo', { text: 'one\ntwo' }));
    await stream.post(call(3, 'no/such/method'));
    await stream.message(1);
    await stream.message(2);
    await stream.message(3);
    const event = '(event: (endpoint|message)\\ndata: [^\\n\\r]+\\nid: [\\w-]+:\\d+\\n\\n)';
    expect(stream.text()).toMatch(new RegExp(`^${event}{4}$`));
    stream.close();
  });

  test('never has the same session id as another', async () => {
    const streams = await Promise.all(Array.from({ length: 50 }, () => openStream(server, { headers })));
    expect(new Set(streams.map(({ endpoint }) => endpoint)).size).toBe(50);
    for (const stream of streams) stream.close();
  });

  test('ignores a session id that the client asks for', async () => {
    const first = await openStream(server, { headers });
    const id = first.endpoint.split('=')[1] as string;
    const second = await openStream(server, {
      path: `/sse?sessionId=${id}`,
      headers: { ...headers, 'Mcp-Session-Id': id, 'Last-Event-ID': id },
    });
    expect(second.endpoint).not.toContain(id);
    await first.post(call(1, 'ping'));
    expect(await first.message(1)).toMatchObject({ result: {} });
    expect(second.text()).not.toContain('event: message');
    first.close();
    second.close();
  });

  test.each([
    ['line feeds', 'a\nb\n\nc'],
    ['carriage returns', 'a\rb\r\nc'],
    ['the separators of JavaScript', 'a\u2028b\u2029c\u0085d'],
    ['what looks like an event', '\n\nevent: endpoint\ndata: /evil\n\n: x\nretry: 1\nid: 2\n\n'],
    ['NUL and other control characters', '\0\u0001\u001f\u007f'],
    ['emoji and other planes', '👩‍👩‍👧‍👦 𝄞 🇪🇺'],
    ['lone surrogates', 'a\ud800b\udc00c'],
    ['a byte order mark', '\ufeffa\ufeff'],
    ['what JSON escapes', '"\\/\b\f\t</script>'],
    ["the names of an object's own things", '__proto__ constructor'],
    ['nothing', ''],
  ])('carries text unchanged: %s', async (_, text) => {
    const stream = await openStream(server, { headers });
    await stream.post(callTool(1, 'echo', { text }));
    expect((await stream.message(1)).result.content).toEqual([{ type: 'text', text }]);
    expect(stream.text().match(/\n\n/g)).toHaveLength(2); // One for the endpoint, one for this message.
    stream.close();
  });

  test('carries 4 MB unchanged', async () => {
    const stream = await openStream(server, { headers });
    const text = 'ü😀\n'.repeat((4 * 1024 ** 2 - 200) / 8);
    const answer = await stream.post(callTool(1, 'echo', { text }));
    expect(answer.status).toBe(202);
    const { result } = await stream.message(1, 20_000);
    expect(result.content[0].text === text).toBe(true); // Not toBe(text): nobody wants to see the difference.
    stream.close();
  });

  test('has no idle timeout, and TCP keep-alive finds a client that vanished', async ({ skip }) => {
    skip(process.platform !== 'linux', 'only Linux shows the timers of a connection');
    const stream = await openStream(server, { headers });
    const local = (stream.response.socket.localPort as number).toString(16).toUpperCase().padStart(4, '0');
    const port = server.port.toString(16).toUpperCase().padStart(4, '0');
    // The server's side of the connection; 02 is the keep-alive timer.
    const row = new RegExp(`:${port} [0-9A-F]+:${local} 01 \\S+ (\\d\\d):`);
    expect(row.exec(await readFile('/proc/net/tcp', 'utf8'))?.[1]).toBe('02');
    stream.close();
  });
});

describe('keep-alive', () => {
  test.concurrent('is a comment with the time, and 0 turns it off', async () => {
    const [on, off] = await Promise.all([
      startServer('apikey', { KEEP_ALIVE_SECONDS: '1' }),
      startServer('apikey', { KEEP_ALIVE_SECONDS: '0' }),
    ]);
    const [kept, quiet] = await Promise.all([openStream(on, { headers }), openStream(off, { headers })]);
    const [, first] = /^keep-alive (\S+)$/.exec(await kept.comment()) as RegExpExecArray;
    const [, second] = /^keep-alive (\S+)$/.exec(await kept.comment()) as RegExpExecArray;
    const between = Date.parse(second as string) - Date.parse(first as string);
    expect(between).toBeGreaterThan(900);
    expect(between).toBeLessThan(2000);
    expect(kept.text()).toMatch(/^event: endpoint\ndata: .*\nid: .*\n\n(: keep-alive [\dTZ:.-]+\n\n){2}$/);
    expect(quiet.comments).toEqual([]);
    await Promise.all([on.stop(), off.stop()]);
  });

  test.concurrent('is spread over time again after the server was blocked', async ({ skip }) => {
    skip(process.platform === 'win32', 'Windows cannot hold a process');
    const server = await startServer('apikey', { KEEP_ALIVE_SECONDS: '1' });
    const streams = await Promise.all(Array.from({ length: 100 }, () => openStream(server, { headers })));
    server.process.kill('SIGSTOP');
    await new Promise((resolve) => setTimeout(resolve, 1500)); // Longer than a period: then all are due.
    const wokenAt = Date.now();
    server.process.kill('SIGCONT');
    const quarters = new Map<number, number>();
    await Promise.all(
      streams.map(async (stream) => {
        const times: number[] = [];
        while (times.length < 2) {
          const time = Date.parse((await stream.comment()).slice('keep-alive '.length));
          if (time >= wokenAt) times.push(time);
        }
        const quarter = Math.floor((times[1] as number) / 250);
        quarters.set(quarter, (quarters.get(quarter) ?? 0) + 1);
      }),
    );
    expect(Math.max(...quarters.values())).toBeLessThan(60);
    await server.stop();
  });

  test.concurrent('of sessions that opened together is spread over time', async () => {
    const server = await startServer('apikey', { KEEP_ALIVE_SECONDS: '2', MAX_SESSIONS_PER_CLIENT: '500' });
    const streams = await Promise.all(Array.from({ length: 200 }, () => openStream(server, { headers })));
    const comments = await Promise.all(streams.map((stream) => stream.comment()));
    const quarters = new Map<number, number>();
    for (const comment of comments) {
      const quarter = Math.floor(Date.parse(comment.slice('keep-alive '.length)) / 250);
      quarters.set(quarter, (quarters.get(quarter) ?? 0) + 1);
    }
    // Of 200 in 2 s, about 25 fall into a quarter of a second.
    expect(Math.max(...quarters.values())).toBeLessThan(80);
    await server.stop();
  });

  describe('keep-alive by ping', () => {
    let server: RunningServer;
    beforeAll(async () => {
      server = await startServer('apikey', { KEEP_ALIVE_SECONDS: '1', KEEP_ALIVE_MODE: 'ping' });
    });
    afterAll(() => server.stop());

    test.concurrent.each([
      ['a result', { result: {} }],
      ['an error', { error: { code: -32601, message: 'Method not found' } }],
    ])('keeps the session for any reply: %s', async (_, reply) => {
      const stream = await openStream(server, { headers });
      const ids: string[] = [];
      while (ids.length < 4) {
        const ping = await stream.message();
        expect(ping).toEqual({ jsonrpc: '2.0', id: expect.stringMatching(/^keep-alive-/), method: 'ping' });
        ids.push(ping.id);
        await stream.post({ jsonrpc: '2.0', id: ping.id, ...reply });
      }
      expect(new Set(ids).size).toBe(4);
      expect(stream.isOver).toBe(false);
      stream.close();
    });

    test.concurrent('ends the session of a client that answers none', async () => {
      const stream = await openStream(server, { headers });
      const session = stream.endpoint.split('=')[1]?.slice(0, 8);
      await stream.closed;
      expect(await server.logged({ msg: 'session closed', session })).toMatchObject({
        reason: 'ping_unanswered',
      });
      expect((await send(server, 'POST', stream.endpoint, { headers })).status).toBe(404);
    });
  });
});
