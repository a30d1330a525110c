import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { call, callTool, openStream, post, rawConnection, rawRequest, send } from '../support/client.js';
import { type RunningServer, startTestServer } from '../support/server.js';

// What clients see of a server that stops while calls run.

const accept = { Accept: 'application/json, text/event-stream' };
let server: RunningServer;
beforeEach(async () => {
  server = await startTestServer('none', { SHUTDOWN_SECONDS: '2' });
});
afterEach(() => server.stop('SIGKILL'));

const begun = () => new Promise((resolve) => setTimeout(resolve, 200));
const repliesIn = (body: string) =>
  body.startsWith('event:')
    ? [...body.matchAll(/^data: (.*)$/gm)].map(([, data]) => JSON.parse(data as string))
    : [JSON.parse(body)].flat();

describe('a call that outlasts the time to stop gets a JSON-RPC error', () => {
  test('over SSE, before its stream ends', async () => {
    const stream = await openStream(server);
    await stream.post(callTool('long', 'hangForever'));
    const stopped = server.stop();
    expect((await stream.message('long')).error).toEqual({
      code: -32000,
      message: 'The server stopped before the call ended',
    });
    await stream.closed;
    expect(await stopped).toEqual({ code: 0, signal: null });
  });

  test.each([
    ['one call', callTool(1, 'hangForever'), [1]],
    ['a call that has reported already', callTool(1, 'countdown', { seconds: 60 }), [1]],
    ['each of several', [callTool(1, 'hangForever'), callTool('two', 'hangForever')], [1, 'two']],
  ])('over Streamable HTTP: %s', async (_, message, ids) => {
    const answer = post(server, '/mcp', message, accept);
    await begun();
    const stopped = server.stop();
    const errors = repliesIn((await answer).body).filter(({ error }) => error);
    expect(errors.map(({ id }) => id)).toEqual(ids);
    for (const { error } of errors) expect(error.code).toBe(-32000);
    expect(await stopped).toEqual({ code: 0, signal: null });
  });
});

test('a call that ends in time gets its reply, over both transports', async () => {
  const stream = await openStream(server);
  await stream.post(callTool(1, 'wait', { ms: 1000 }));
  const answer = post(server, '/mcp', callTool(2, 'wait', { ms: 1000 }), accept);
  await begun();
  const stopped = server.stop();
  expect((await stream.message(1)).result.content[0].text).toBe('waited');
  expect(repliesIn((await answer).body)[0].result.content[0].text).toBe('waited');
  expect(await stopped).toEqual({ code: 0, signal: null });
});

test('an idle client keeps its stream until the last call is over', async () => {
  const idle = await openStream(server);
  const busy = await openStream(server);
  await busy.post(callTool(1, 'wait', { ms: 1000 }));
  const stopped = server.stop();
  await begun();
  expect(idle.isOver).toBe(false);
  await busy.message(1);
  await idle.closed;
  expect(await stopped).toEqual({ code: 0, signal: null });
});

test('an idle client keeps its stream while a call of Streamable HTTP runs', async () => {
  const idle = await openStream(server);
  const answer = post(server, '/mcp', callTool(1, 'wait', { ms: 1000 }), accept);
  await begun();
  const stopped = server.stop();
  await begun();
  expect(idle.isOver).toBe(false);
  await answer;
  await idle.closed;
  expect(await stopped).toEqual({ code: 0, signal: null });
});

describe('while a call runs', () => {
  test('a stream that is asked for is closed without an answer, and all else gets 503', async () => {
    const busy = await openStream(server);
    await busy.post(callTool(1, 'wait', { ms: 1000 }));
    const stopped = server.stop();
    await begun();
    for (const path of ['/sse', '/sse/', '/']) {
      const connection = await rawConnection(server);
      connection.write(rawRequest('GET', path, { Accept: 'text/event-stream' }));
      expect(await connection.end()).toBe('');
    }
    for (const [method, path] of [
      ['GET', '/health'],
      ['POST', '/mcp'],
      ['POST', '/messages?sessionId=unknown'],
      ['POST', '/sse'],
    ] as const) {
      const { status, headers } = await send(server, method, path);
      expect({ status, connection: headers.connection }).toEqual({ status: 503, connection: 'close' });
    }
    expect((await busy.post(call(2, 'ping'))).status).toBe(202);
    expect(await busy.message(2)).toMatchObject({ result: {} });
    await busy.message(1);
    expect(await stopped).toEqual({ code: 0, signal: null });
  });
});
