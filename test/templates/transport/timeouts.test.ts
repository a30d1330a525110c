import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { call, openStream, parseAnswers, post, rawConnection, rawRequest } from '../support/client.js';
import { type RunningServer, startServer } from '../support/server.js';

describe('a request that arrives too slowly gets 408, and its connection is closed', () => {
  let server: RunningServer;
  beforeAll(async () => {
    server = await startServer('none', {
      HEADERS_TIMEOUT_SECONDS: '1',
      REQUEST_TIMEOUT_SECONDS: '4',
      KEEP_ALIVE_SECONDS: '1',
    });
  });
  afterAll(() => server.stop());

  /** Sends a byte of what is endless each 100 ms until the server has enough. */
  async function trickle(beginning: string, filler: string) {
    const connection = await rawConnection(server);
    connection.write(beginning);
    const started = performance.now();
    const timer = setInterval(() => filler && connection.write(filler), 100);
    const text = await connection.end();
    clearInterval(timer);
    return { answers: text === '' ? [] : parseAnswers(text), ms: performance.now() - started };
  }

  const half = rawRequest('GET', '/sse').slice(0, -4);
  const headOf = (path: string) =>
    rawRequest('POST', path, { 'Content-Type': 'application/json', 'Content-Length': '1000' });

  test.concurrent.each([
    ['headers to the stream', `${half}\r\nX-`, 'x'],
    ['headers to the messages', `${half.replace('GET /sse', 'POST /messages')}\r\nX-`, 'x'],
    ['no byte at all', '', ''],
  ])('%s', async (_, beginning, filler) => {
    const { answers, ms } = await trickle(beginning, filler);
    expect(answers.map(({ status }) => status)).toEqual([408]);
    expect(JSON.parse(answers[0]?.body as string).error.code).toBe('request_timeout');
    expect(answers[0]?.headers).toMatchObject({ connection: 'close', vary: 'Origin' });
    expect(ms).toBeLessThan(3500);
  });

  test.concurrent('a body', async () => {
    const stream = await openStream(server);
    const { answers, ms } = await trickle(headOf(stream.endpoint), ' ');
    expect(answers.map(({ status }) => status)).toEqual([408]);
    expect(ms).toBeLessThan(8000);
    stream.close();
  });

  test.concurrent('a body in chunks', async () => {
    const stream = await openStream(server);
    const head = rawRequest('POST', stream.endpoint, {
      'Content-Type': 'application/json',
      'Transfer-Encoding': 'chunked',
    });
    const { answers } = await trickle(head, '1\r\n \r\n');
    expect(answers.map(({ status }) => status)).toEqual([408]);
    stream.close();
  });

  test.concurrent('the body of a refused request does not keep its connection open', async () => {
    const { answers, ms } = await trickle(headOf('/messages?sessionId=unknown'), ' ');
    expect(answers[0]?.status).toBe(404);
    expect(ms).toBeLessThan(8000);
  });

  test.concurrent('a client that keeps its side of the connection open is still cut off', async () => {
    const socket = connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true });
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => {}); // The reset; 'close' follows.
    socket.write(`${half}\r\nX-`);
    const timer = setInterval(() => socket.write('x'), 100);
    await once(socket.resume(), 'end'); // The server has answered and closed its side.
    await closed;
    clearInterval(timer);
  });

  test.concurrent('the timeout never ends a stream, or a connection between two requests', async () => {
    const stream = await openStream(server);
    const connection = await rawConnection(server);
    connection.write(rawRequest('GET', '/health'));
    await connection.until(/"status":"ok"/);
    for (let seconds = 0; seconds < 6; seconds++) await stream.comment();
    expect((await post(server, stream.endpoint, call(1, 'ping'))).status).toBe(202);
    expect(await stream.message(1)).toMatchObject({ result: {} });
    connection.write(rawRequest('GET', '/health'));
    await connection.until(/"status":"ok".*"status":"ok"/s);
    connection.socket.destroy();
    stream.close();
  });
});

test('REQUEST_TIMEOUT_SECONDS below HEADERS_TIMEOUT_SECONDS wins', async () => {
  const server = await startServer('none', { HEADERS_TIMEOUT_SECONDS: '30', REQUEST_TIMEOUT_SECONDS: '5' });
  expect((await server.stop()).code).toBe(0);
});
