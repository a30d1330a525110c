import { expect, test } from 'vitest';
import { completeAnswers, conflict, overlayAnswers, parseGiven } from '../../src/answers/answers.ts';
import type { Answers, Context } from '../../src/answers/questions.ts';

const context: Context = { cwd: '/my projects', packageManager: 'pnpm' };

const complete = (given: Partial<Answers>) => completeAnswers(given, context);

test('questions without an answer take their defaults', () => {
  expect(complete({})).toEqual({
    directory: 'my-mcp-server',
    name: 'my-mcp-server',
    port: 8080,
    endpoint: '/sse',
    messageEndpoint: '/messages',
    maxMessageSize: '4mb',
    auth: 'apikey',
    protect: ['sse', 'messages'],
    streamableHttp: true,
    relay: 'none',
    host: '127.0.0.1',
    packageManager: 'pnpm',
    install: true,
    verify: true,
    git: true,
    existing: 'abort',
  });
});

test.each([
  ['servers/My Server', 'my-server'],
  ['.', 'my-projects'],
  ['/', 'my-mcp-server'],
])('by default the package in directory %j is called %s', (directory, name) => {
  expect(complete({ directory }).name).toBe(name);
});

test.each<[Partial<Answers>, string]>([
  [{ messageEndpoint: '/sse' }, '--message-endpoint'],
  [{ endpoint: '/messages' }, '--endpoint'],
  [{ endpoint: '/a', messageEndpoint: '/a' }, '--message-endpoint'],
  [{ endpoint: '/health' }, '--endpoint'],
  [{ endpoint: '/mcp' }, '--endpoint'],
  [{ messageEndpoint: '/metrics' }, '--message-endpoint'],
  [{ endpoint: '/page/x' }, '--endpoint'],
  [{ messageEndpoint: '/.well-known/x' }, '--message-endpoint'],
  [{ auth: 'none', host: '0.0.0.0' }, '--host'],
  [{ auth: 'none', host: '::' }, '--host'],
  [{ auth: 'none', host: 'mcp.example.com' }, '--host'],
  [{ auth: 'none', host: 'my.localhost' }, '--host'],
  [{ auth: 'none', protect: ['sse'] }, '--protect'],
  [{ relay: 'redis', maxMessageSize: '25mb' }, '--max-message-size'],
])('%j do not fit together, and %s is to be changed', (given, flag) => {
  expect(() => complete(given)).toThrow(expect.objectContaining({ code: 'bad_input', flag }));
});

test.each<[Partial<Answers>]>([
  [{ endpoint: '/mcp', streamableHttp: false }],
  [{ auth: 'none', host: '127.1.2.3' }],
  [{ auth: 'none', host: '::1' }],
  [{ auth: 'none', host: 'localhost' }],
  [{ auth: 'jwt', host: '0.0.0.0' }],
  [{ endpoint: '/messages', messageEndpoint: '/sse' }],
  [{ relay: 'redis', maxMessageSize: '24mb' }],
  [{ maxMessageSize: '25mb' }],
])('%j fit together', (given) => {
  expect(complete(given)).toMatchObject(given);
});

test('without authentication nothing is protected', () => {
  expect(complete({ auth: 'none' }).protect).toEqual([]);
});

test('complete answers can be given again and stay the same', () => {
  for (const auth of ['jwt', 'none'] as const) {
    const once = complete({ auth });
    expect(complete(parseGiven(once))).toEqual(once);
  }
});

test.each<[Record<string, unknown>, string]>([
  [{ port: '70000' }, '--port 70000 must be a whole number from 1 to 65535'],
  [{ auth: 'basic' }, '--auth basic must be one of apikey, jwt, custom, none'],
  [{ protect: 'all' }, '--protect all must be a comma-separated list of sse and messages'],
  [{ endpoint: 'a b' }, '--endpoint "a b" must be a path such as /sse'],
  [{ host: 'a\nb\u001b[31m' }, '--host "a\\nb\\u001b[31m" must be an IP address or a host name'],
])('an invalid answer is refused in one line with its flag and what it must be: %j', (given, message) => {
  expect(() => parseGiven(given)).toThrow(message);
});

test.each<[Partial<Answers>, string]>([
  [{ messageEndpoint: '/sse' }, "--message-endpoint /sse must be a path other than the SSE endpoint's"],
  [{ endpoint: '/messages' }, "--endpoint /messages must be a path other than the message endpoint's"],
  [{ endpoint: '/mcp' }, '--endpoint /mcp must be another path: the server itself serves /mcp'],
  [{ endpoint: '/page/x' }, '--endpoint /page/x must be another path: the server itself serves /page'],
  [
    { relay: 'redis', maxMessageSize: '25mb' },
    '--max-message-size 25mb must be 24mb or less with --relay redis',
  ],
  [{ auth: 'none', protect: ['sse'] }, '--protect sse must be left out with --auth none'],
])('answers that do not fit together are refused with what one of them must be: %j', (given, message) => {
  expect(() => complete(given)).toThrow(message);
});

test('a prompt for Streamable HTTP refuses it while an endpoint has its path', () => {
  expect(conflict('streamableHttp', { endpoint: '/mcp', streamableHttp: true })).toBe(
    'off while /mcp is another endpoint',
  );
  expect(conflict('streamableHttp', { endpoint: '/mcp', streamableHttp: false })).toBeUndefined();
});

test('an invalid answer in a config file is refused with the file and the key', () => {
  expect(() => parseGiven({ port: 0 }, '--config my.json')).toThrow(
    '--config my.json, port 0 must be a whole number from 1 to 65535',
  );
});

test('an unknown answer is refused with the known ones', () => {
  expect(() => parseGiven({ prot: 1 }, '--config my.json')).toThrow(
    /^--config my\.json, answer prot is unknown; the answers are directory, port, /,
  );
});

test('flags win over a record and drop answers that they make meaningless', () => {
  const record = { auth: 'jwt', port: 1, protect: ['sse'] } satisfies Partial<Answers>;
  expect(overlayAnswers(record, { port: 2 })).toEqual({ ...record, port: 2 });
  expect(overlayAnswers(record, { auth: 'none' })).toEqual({ auth: 'none', port: 1 });
  expect(overlayAnswers({ auth: 'none' }, { protect: ['sse'] })).toEqual({ auth: 'none', protect: ['sse'] });
});
