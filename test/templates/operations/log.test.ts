import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterEach, expect, onTestFinished, test, vi } from 'vitest';
import { createLog } from '../../../templates/shared/src/monitoring/log.ts';
import { call, openStream, post, send } from '../support/client.js';
import { type Auth, directoryOf } from '../support/projects.js';
import { goodHeaders, startServer } from '../support/server.js';

async function start(settings: Record<string, string> = {}, auth: Auth = 'apikey') {
  const server = await startServer(auth, settings);
  onTestFinished(() => void server.stop());
  return server;
}

const stdout = vi.spyOn(process.stdout, 'write');
afterEach(() => stdout.mockReset());

/** What one use of a log prints. */
function printed(
  options: Parameters<typeof createLog>[0],
  use: (log: ReturnType<typeof createLog>) => void,
): string {
  stdout.mockImplementation(() => true);
  use(createLog(options));
  const text = stdout.mock.calls.map(([line]) => line).join('');
  stdout.mockReset();
  return text;
}

test('LOG_LEVEL shows its own level and those above', () => {
  const all = (log: ReturnType<typeof createLog>) => {
    for (const level of ['debug', 'info', 'warn', 'error'] as const) log[level](level);
  };
  const levels = (level: 'debug' | 'warn' | 'silent') =>
    [...printed({ level, format: 'json' }, all).matchAll(/"msg":"(\w+)"/g)].map(([, word]) => word);
  expect(levels('debug')).toEqual(['debug', 'info', 'warn', 'error']);
  expect(levels('warn')).toEqual(['warn', 'error']);
  expect(levels('silent')).toEqual([]);
});

test('an event is one line of JSON with its error and its facts', () => {
  const line = printed({ level: 'info', format: 'json' }, (log) =>
    log.error({ client: 'alice\nbob', err: new TypeError('no luck') }, 'it failed'),
  );
  expect(line.trimEnd()).not.toContain('\n');
  expect(JSON.parse(line)).toMatchObject({
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    level: 'error',
    msg: 'it failed',
    client: 'alice\nbob',
    err: { name: 'TypeError', message: 'no luck', stack: expect.stringContaining('log.test.ts') },
  });
});

test('as text, nothing that a client sends can break the line or control the terminal', () => {
  const line = printed({ level: 'info', format: 'text' }, (log) =>
    log.info({ client: 'alice\n\u001b[2J\u009b2J', sent: 3 }, 'session closed'),
  );
  expect(line).toMatch(/^\d\d:\d\d:\d\d {2}info {3}session closed {2}client="alice\\n.*" {2}sent=3\n$/);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
  expect(line).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
});

test('LOG_FORMAT=text prints readable lines', async () => {
  const env = { ...process.env, PORT: '0', LOG_FORMAT: 'text' };
  const server = spawn(process.execPath, ['dist/main.js'], { cwd: directoryOf('apikey'), env });
  onTestFinished(() => void server.kill());
  const [line] = await once(createInterface({ input: server.stdout }), 'line');
  expect(line).toMatch(/^\d\d:\d\d:\d\d {2}info {3}listening {2}url=http:\/\/127\.0\.0\.1:\d+\/sse$/);
});

test('a session is logged when it opens and closes, with its owner, reason, duration and message counts', async () => {
  const server = await start();
  const stream = await openStream(server, { headers: goodHeaders.apikey });
  await stream.post(call(1, 'ping'));
  await stream.message(1);
  stream.close();

  const opened = await server.logged({ msg: 'session opened' });
  expect(opened).toMatchObject({ client: 'default', session: expect.stringMatching(/^[\w-]{8}$/) });
  expect(await server.logged({ msg: 'session closed' })).toMatchObject({
    session: opened.session,
    client: 'default',
    reason: 'client_gone',
    seconds: 0,
    received: 1,
    sent: 1,
  });
});

test('a message that the SDK cannot use is logged without its content', async () => {
  const server = await start();
  const stream = await openStream(server, { headers: goodHeaders.apikey });
  onTestFinished(() => stream.close());
  await stream.post({ jsonrpc: '2.0', id: 'nobody-asked', result: { secret: 'swordfish' } });
  expect(await server.logged({ msg: 'session error' })).toMatchObject({
    level: 'warn',
    client: 'default',
    reason: expect.stringMatching(/response/i),
  });
  expect(server.output()).not.toContain('swordfish');
});

test('a refused request is logged with its status, reason and address', async () => {
  const server = await start();
  await post(server, '/messages?sessionId=unknown', call(1, 'ping'), goodHeaders.apikey);
  expect(await server.logged({ msg: 'request refused' })).toMatchObject({
    status: 404,
    code: 'session_not_found',
    method: 'POST',
    path: '/messages',
    address: '127.0.0.1',
    request: expect.any(String),
  });
});

test('a line about a request has its id, or the one that a proxy gave it', async () => {
  const server = await start({}, 'jwt');
  const headers = { Authorization: 'Bearer not.a.token', 'X-Request-Id': 'from-the-proxy-1' };
  await send(server, 'GET', '/sse', { headers });
  await server.logged({ msg: 'request refused', request: 'from-the-proxy-1' });
});

test('a malformed X-Request-Id is not copied into the log', async () => {
  const server = await start();
  await send(server, 'GET', '/none', { headers: { 'X-Request-Id': 'x'.repeat(65) } });
  const { request } = await server.logged({ msg: 'request refused' });
  expect(request).toMatch(/^[\da-f-]{36}$/);
});

test('the server keeps running when the reader of its log exits', async () => {
  const server = await start();
  server.process.stdout?.destroy();
  for (let i = 0; i < 20; i++) await send(server, 'GET', '/none');
  const before = await cpuSeconds(server);
  expect((await send(server, 'GET', '/health')).status).toBe(200);
  // Writing about a failed write, forever, would take a core.
  expect((await cpuSeconds(server)) - before).toBeLessThan(0.5);
});

async function cpuSeconds(server: { port: number }): Promise<number> {
  const { body } = await send(server, 'GET', '/metrics', { headers: goodHeaders.apikey });
  return Number(/^process_cpu_seconds_total (\S+)$/m.exec(body)?.[1]);
}
