import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { callTool, openStream, post, rawConnection, send } from '../support/client.js';
import { type Auth, authTypes, directoryOf, secret } from '../support/projects.js';
import { goodHeaders, runServer, startServer } from '../support/server.js';

// How settings are read, and what each of them changes. Those of credentials have their tests in ../auth.

const headers = goodHeaders.apikey;

async function start(settings: Record<string, string> = {}, auth: Auth = 'apikey') {
  const server = await startServer(auth, settings);
  onTestFinished(() => void server.stop());
  return server;
}

test('all invalid settings are reported at once, one line each, without secrets', async () => {
  const { code, output } = await runServer('apikey', {
    PORT: 'abc',
    MAX_MESSAGE_SIZE: 'lots',
    SSE_ENDPOINT: 'sse',
    METRICS: 'maybe',
    PROTECT: 'sse,everything',
    API_KEY: 'too-short',
  });
  expect(code).toBe(1);
  expect(output.trim().split('\n').sort()).toEqual([
    'API_KEY: key 1 of 1 has fewer than 16 characters',
    'MAX_MESSAGE_SIZE=lots must be a size from 1kb to 256mb, such as 512kb or 4mb',
    'METRICS=maybe must be one of off, public, protected',
    'PORT=abc must be a whole number from 0 to 65535',
    'PROTECT=sse,everything must be a comma-separated list of sse, messages',
    'SSE_ENDPOINT=sse must be a path such as /sse: letters, digits and - . _ ~ : @ between single slashes',
  ]);
});

test.each([' ', ',', ' , '])(
  'an empty list, %j, is refused, since it must not switch off a check',
  async (value) => {
    const { code, output } = await runServer('apikey', { PROTECT: value, ALLOWED_HOSTS: value });
    expect(code).toBe(1);
    expect(output).toContain(`PROTECT=${value} must be a comma-separated list of sse, messages\n`);
    expect(output).toContain(
      `ALLOWED_HOSTS=${value} must be a comma-separated list of host names, without scheme and port\n`,
    );
  },
);

test.each([
  ['ALLOWED_HOSTS', ['https://mcp.example.com', 'mcp.example.com:443', 'a b']],
  ['ALLOWED_ORIGINS', ['app.example.com', 'https://app.example.com/', 'https://app.example.com/page']],
])('%s: a value that no request could match is refused', async (name, values) => {
  for (const value of values) {
    const { code, output } = await runServer('apikey', { [name]: `*,${value}` });
    expect(code).toBe(1);
    expect(output).toContain(`${name}=*,${value} must be a comma-separated list of `);
  }
});

test('hosts and origins of every valid form are accepted', async () => {
  const ALLOWED_HOSTS = '*,mcp.example.com,my_host,10.0.0.1,[2001:db8::1]';
  const ALLOWED_ORIGINS = '*,loopback,https://app.example.com:8443,http://[::1]:3000,vscode-webview://an-id';
  const { code, output } = await runServer('apikey', { ALLOWED_HOSTS, ALLOWED_ORIGINS }, ['--check']);
  expect({ code, output }).toMatchObject({ code: 0, output: expect.stringContaining(ALLOWED_ORIGINS) });
});

test.each([
  [
    { MESSAGE_ENDPOINT: '/health' },
    'MESSAGE_ENDPOINT=/health must be a path other than /health, which the server has already',
  ],
  [{ SSE_ENDPOINT: '/messages/' }, 'MESSAGE_ENDPOINT=/messages must differ from SSE_ENDPOINT'],
  [
    { STREAMABLE_HTTP_ENDPOINT: '/messages' },
    'STREAMABLE_HTTP_ENDPOINT=/messages must differ from MESSAGE_ENDPOINT',
  ],
])('two endpoints on one path are refused, naming both: %o', async (settings, line) => {
  const { code, output } = await runServer('apikey', settings as Record<string, string>);
  expect({ code, output }).toEqual({ code: 1, output: `${line}\n` });
});

test('the path of the landing page cannot be an endpoint', async () => {
  const { code, output } = await runServer('apikey', { SSE_ENDPOINT: '/' });
  expect({ code, output }).toEqual({
    code: 1,
    output: expect.stringMatching(/^SSE_ENDPOINT=\/ must be a path .*\n$/),
  });
});

test('an empty variable counts as not set', async () => {
  const { output } = await runServer('apikey', { KEEP_ALIVE_SECONDS: '' }, ['--check']);
  expect(output).toContain('KEEP_ALIVE_SECONDS=15\n');
});

test('.env is found next to package.json, whatever the working directory', () => {
  const entry = join(directoryOf('apikey'), 'dist/main.js');
  const output = execFileSync(process.execPath, [entry, '--check'], {
    cwd: tmpdir(),
    env: { PATH: process.env.PATH },
    encoding: 'utf8',
  });
  expect(output).toContain('API_KEY=(set)\n');
});

test('.env is read, and the environment wins', async () => {
  const other = 'another-key-of-enough-length';
  const server = await start({ API_KEY: other });
  expect((await openStream(server, { headers: { 'X-API-Key': other } })).endpoint).toContain('/messages');
  const withKeyOfFile = await send(server, 'GET', '/sse', { headers: { 'X-API-Key': secret } });
  expect(withKeyOfFile.status).toBe(401);
});

test.each(['jwt', 'apikey'] as const)(
  '--check prints the effective settings as a .env file, without the secret of %s',
  async (auth) => {
    const { code, output } = await runServer(auth, { PORT: '4321', ALLOWED_HOSTS: 'a.example, b.example' }, [
      '--check',
    ]);
    const lines = output.trimEnd().split('\n');
    expect(code).toBe(0);
    expect(lines.filter((line) => !/^[A-Z_]+=\S*$/.test(line))).toEqual([
      expect.stringMatching(/^# Made by create-mcp-sse@\S+\. To update: npx create-mcp-sse@latest update$/),
    ]);
    expect(lines).toEqual(
      expect.arrayContaining(['PORT=4321', 'ALLOWED_HOSTS=a.example,b.example', 'RATE_LIMIT=100']),
    );
    expect(output).not.toContain(secret);
  },
);

test.each([['--help'], ['-h'], ['--port=9000'], ['start']])(
  'the unknown argument %s is refused, and the message names --check',
  async (argument) => {
    const { code, output } = await runServer('apikey', { PORT: '0' }, [argument]);
    expect({ code, output }).toEqual({
      code: 1,
      output: `${argument} must be --check, which prints all settings, or nothing; set them in .env\n`,
    });
  },
);

test('a -- passed on by a package manager is ignored', async () => {
  const { code, output } = await runServer('apikey', {}, ['--', '--check']);
  expect({ code, output }).toMatchObject({ code: 0, output: expect.stringContaining('PORT=8080') });
});

test('HOST and PORT set the address to listen on', async () => {
  const port = await freePort();
  const server = await start({ HOST: 'localhost', PORT: String(port) });
  expect(server.port).toBe(port);
  expect((await send(server, 'GET', '/health')).status).toBe(200);
});

test('BASE_PATH is put before the message endpoint, and accepted before every path', async () => {
  const server = await start({ BASE_PATH: '/mine' });
  const stream = await openStream(server, { headers, path: '/mine/sse' });
  expect(stream.endpoint).toMatch(/^\/mine\/messages\?sessionId=/);
  expect((await stream.post(callTool(1, 'echo', { text: 'hello' }))).status).toBe(202);
  expect((await stream.message(1)).result.content[0].text).toBe('hello');
});

test('SSE_ENDPOINT, MESSAGE_ENDPOINT and STREAMABLE_HTTP_ENDPOINT set the paths', async () => {
  const server = await start({
    SSE_ENDPOINT: '/events',
    MESSAGE_ENDPOINT: '/in',
    STREAMABLE_HTTP_ENDPOINT: '/rpc',
  });
  const stream = await openStream(server, { headers, path: '/events' });
  expect(stream.endpoint).toMatch(/^\/in\?sessionId=/);
  expect((await post(server, '/rpc', {})).status).toBe(401);
  for (const path of ['/sse', '/messages', '/mcp'])
    expect((await send(server, 'GET', path)).status).toBe(404);
});

test('MAX_MESSAGE_SIZE limits the size of a message', async () => {
  const server = await start({ MAX_MESSAGE_SIZE: '1kb' });
  const stream = await openStream(server, { headers });
  expect((await stream.post(callTool(1, 'echo', { text: 'x'.repeat(500) }))).status).toBe(202);
  expect((await stream.post(callTool(2, 'echo', { text: 'x'.repeat(1024) }))).status).toBe(413);
});

test('MAX_MESSAGE_VALUES is how many values the arguments of a call may have', async () => {
  const server = await start({ MAX_MESSAGE_VALUES: '2000' });
  const stream = await openStream(server, { headers });
  const withValues = (count: number) => callTool(1, 'echo', { text: 'hello', more: Array(count).fill(1) });
  expect((await stream.post(withValues(1900))).status).toBe(202);
  const refused = await stream.post(withValues(2100));
  expect({ status: refused.status, code: JSON.parse(refused.body).error.code }).toEqual({
    status: 400,
    code: -32600,
  });
});

test('PROTECT names the endpoints that need a credential', async () => {
  const server = await start({ PROTECT: 'messages' });
  const stream = await openStream(server);
  expect((await stream.post(callTool(1, 'echo', { text: 'hello' }))).status).toBe(401);
  expect((await stream.post(callTool(1, 'echo', { text: 'hello' }), headers)).status).toBe(202);
});

test('ALLOWED_HOSTS names the hosts that the server answers to', async () => {
  const server = await start({ ALLOWED_HOSTS: 'mcp.example.com' });
  const status = async (host: string) =>
    (await send(server, 'GET', '/health', { headers: { Host: host } })).status;
  expect([await status('mcp.example.com'), await status('localhost')]).toEqual([200, 403]);
});

test.each([
  ['host', 'ALLOWED_HOSTS', 'mcp.example.com', { Host: 'other.example.com' }],
  ['origin', 'ALLOWED_ORIGINS', 'https://app.example.com', { Origin: 'https://other.example.com' }],
])('a refused %s tells the client which setting to change', async (name, setting, allowed, headers) => {
  const server = await start({ [setting]: allowed });
  const { body } = await send(server, 'GET', '/health', { headers });
  expect(JSON.parse(body).error).toEqual({
    code: `${name}_not_allowed`,
    message: expect.stringContaining(setting),
  });
});

test('without ALLOWED_HOSTS, a server on a loopback address accepts the address that it logs', async () => {
  const server = await start({ HOST: '127.0.0.2' });
  expect(server.origin).toContain('//127.0.0.2:');
  expect((await fetch(`${server.origin}/health`)).status).toBe(200);
});

test('ALLOWED_ORIGINS names the origins that may call', async () => {
  const server = await start({ ALLOWED_ORIGINS: 'https://app.example.com' });
  const status = async (origin: string) =>
    (await send(server, 'GET', '/health', { headers: { Origin: origin } })).status;
  expect([await status('https://app.example.com'), await status('https://example.com')]).toEqual([200, 403]);
});

test('KEEP_ALIVE_SECONDS sets how often a comment is sent', async () => {
  const server = await start({ KEEP_ALIVE_SECONDS: '1' });
  const stream = await rawConnection(server);
  stream.write(`GET /sse HTTP/1.1\r\nHost: localhost\r\nX-API-Key: ${secret}\r\n\r\n`);
  await stream.until(/: keep-alive .*\n\n.*: keep-alive /s);
});

test('KEEP_ALIVE_MODE=ping sends pings to the client', async () => {
  const server = await start({ KEEP_ALIVE_SECONDS: '1', KEEP_ALIVE_MODE: 'ping' });
  const stream = await openStream(server, { headers });
  expect(await stream.message()).toMatchObject({ method: 'ping', id: expect.any(String) });
});

test('MAX_BUFFERED_BYTES limits the bytes that wait for a client that does not read', async () => {
  const server = await start({ MAX_BUFFERED_BYTES: String(64 * 1024 ** 2) });
  const stream = await openStream(server, { headers });
  stream.response.pause();
  // 16 MB: more than the system takes and the default would keep.
  for (let id = 1; id <= 16; id++) await stream.post(callTool(id, 'echo', { text: 'x'.repeat(1024 ** 2) }));
  stream.response.resume();
  expect(await stream.message(16)).toMatchObject({ id: 16 });
});

test('HEADERS_TIMEOUT_SECONDS ends a request whose headers do not arrive', async () => {
  const server = await start({ HEADERS_TIMEOUT_SECONDS: '1' });
  const connection = await rawConnection(server);
  connection.write('GET /health HTTP/1.1\r\nHost: ');
  expect(await connection.end()).toContain('HTTP/1.1 408 ');
});

test('REQUEST_TIMEOUT_SECONDS ends a request whose body does not arrive', async () => {
  const server = await start({ HEADERS_TIMEOUT_SECONDS: '1', REQUEST_TIMEOUT_SECONDS: '1' });
  const connection = await rawConnection(server);
  connection.write(
    `POST /mcp HTTP/1.1\r\nHost: localhost\r\nX-API-Key: ${secret}\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n`,
  );
  expect(await connection.end()).toContain('HTTP/1.1 408 ');
});

test('SHUTDOWN_SECONDS limits how long a running call may take when the server stops', async () => {
  const server = await start({ SHUTDOWN_SECONDS: '1' });
  const stream = await openStream(server, { headers });
  await stream.post(callTool(1, 'countdown', { seconds: 60 }));
  const before = Date.now();
  expect(await server.stop()).toEqual({ code: 0, signal: null });
  expect(Date.now() - before).toBeGreaterThanOrEqual(950);
  expect(Date.now() - before).toBeLessThan(4000);
});

test('a server that fails to stop cleanly says why and still exits', async () => {
  const script = `
    import { createLog } from './dist/monitoring/log.js';
    import { keepRunning, stopOnSignals } from './dist/process.js';
    const log = createLog({ level: 'info', format: 'json' });
    keepRunning(log);
    stopOnSignals({ close: () => Promise.reject(new Error('a session is stuck')), endCalls() {} }, log);
    setInterval(() => {}, 1000);
    console.log('ready');`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    cwd: directoryOf('none'),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let output = '';
  child.stdout.on('data', (data) => {
    if (output === '') child.kill('SIGTERM');
    output += data;
  });
  const [code] = await once(child, 'close');
  expect(code).toBe(1);
  expect(output).toContain('a session is stuck');
  expect(output).not.toContain('"stopped"');
});

test('LANDING_PAGE=off removes the page at /', async () => {
  expect((await send(await start(), 'GET', '/')).status).toBe(200);
  expect((await send(await start({ LANDING_PAGE: 'off' }), 'GET', '/')).status).toBe(404);
});

test('without credentials, HOST must be a loopback address unless ALLOW_UNAUTHENTICATED=true', async () => {
  const { code, output } = await runServer('none', { HOST: '0.0.0.0' });
  expect(code).toBe(1);
  expect(output).toBe(
    'HOST=0.0.0.0 must be a loopback address such as 127.0.0.1, since this server asks for no credential; ' +
      'ALLOW_UNAUTHENTICATED=true lifts this\n',
  );
  const server = await start({ HOST: '0.0.0.0', ALLOW_UNAUTHENTICATED: 'true' }, 'none');
  expect((await send(server, 'GET', '/health')).status).toBe(200);
});

test('every setting is set by some test', async () => {
  const names = new Set<string>();
  for (const auth of authTypes) {
    const { output } = await runServer(auth, {}, ['--check']);
    for (const name of output.match(/^\w+(?==)/gm) ?? []) names.add(name);
  }
  const folder = join(import.meta.dirname, '..');
  const tests = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => readFileSync(join(folder, file), 'utf8'))
    .join();
  expect([...names].filter((name) => !new RegExp(`\\b${name}\\b`).test(tests))).toEqual([]);
});

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
