import { describe, expect, test } from 'vitest';
import { completeAnswers, overlayAnswers, parseGiven, recordedAnswers } from '../src/answers.js';
import type { Answers, Surroundings } from '../src/questions.js';

const setting: Surroundings = { cwd: '/work space', packageManager: 'pnpm' };

const complete = (given: Partial<Answers>) => completeAnswers(given, setting);

describe('what is not given takes its default', () => {
  test('of the contract', () => {
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
    ['.', 'work-space'],
    ['/', 'my-mcp-server'],
  ])('the name follows the directory %j', (directory, name) => {
    expect(complete({ directory }).name).toBe(name);
  });
});

describe('answers that cannot stand beside each other', () => {
  test.each<[Partial<Answers>, string]>([
    [{ messageEndpoint: '/sse' }, '--message-endpoint'],
    [{ messageEndpoint: '/sse/' }, '--message-endpoint'],
    [{ endpoint: '/messages' }, '--endpoint'],
    [{ endpoint: '/a', messageEndpoint: '/a' }, '--message-endpoint'],
    [{ endpoint: '/' }, '--endpoint'],
    [{ endpoint: '/health' }, '--endpoint'],
    [{ endpoint: '/mcp' }, '--endpoint'],
    [{ messageEndpoint: '/metrics/' }, '--message-endpoint'],
    [{ messageEndpoint: '/.well-known/x' }, '--message-endpoint'],
    [{ auth: 'none', host: '0.0.0.0' }, '--host'],
    [{ auth: 'none', host: '::' }, '--host'],
    [{ auth: 'none', host: 'mcp.example.com' }, '--host'],
    [{ auth: 'none', protect: ['sse'] }, '--protect'],
    [{ relay: 'redis', maxMessageSize: '25mb' }, '--max-message-size'],
  ])('%j is refused, naming %s', (given, flag) => {
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
  ])('%j is fine', (given) => {
    expect(complete(given)).toMatchObject(given);
  });
});

test('without authentication nothing is protected', () => {
  expect(complete({ auth: 'none' }).protect).toEqual([]);
});

test('complete answers are accepted again and stay the same', () => {
  for (const auth of ['jwt', 'none'] as const) {
    const once = complete({ auth });
    expect(complete(parseGiven(once))).toEqual(once);
  }
});

describe('an error', () => {
  test.each<[Record<string, unknown>, string]>([
    [{ port: '70000' }, '--port 70000: a whole number from 1 to 65535 is accepted'],
    [{ auth: 'basic' }, '--auth basic: apikey, jwt, custom or none is accepted'],
    [{ endpoint: 'a b' }, '--endpoint "a b": a path such as /sse that starts with "/"'],
  ])('names the flag, the value and what is accepted: %j', (given, message) => {
    expect(() => parseGiven(given)).toThrow(message);
  });

  test('of a config file names the file and the answer', () => {
    expect(() => parseGiven({ port: 0 }, '--config my.json')).toThrow(
      '--config my.json, port 0: a whole number from 1 to 65535 is accepted',
    );
  });

  test('is one line, whatever was typed', () => {
    expect(() => parseGiven({ host: 'a\nb\u001b[31m' })).toThrow('--host "a\\nb\\u001b[31m": an IP address');
  });

  test('of an unknown answer lists the known ones', () => {
    expect(() => parseGiven({ prot: 1 }, '--config my.json')).toThrow(/prot: no such answer; .*port/);
  });
});

test('the record holds what the files depend on, and nothing of how the run went', () => {
  expect(Object.keys(recordedAnswers(complete({ auth: 'none' }))).sort()).toEqual(
    [
      'auth',
      'endpoint',
      'host',
      'maxMessageSize',
      'messageEndpoint',
      'name',
      'packageManager',
      'port',
      'relay',
      'streamableHttp',
    ].sort(),
  );
});

test('flags win over a record, and take with them what loses its meaning', () => {
  const record = { auth: 'jwt', port: 1, protect: ['sse'] } satisfies Partial<Answers>;
  expect(overlayAnswers(record, { port: 2 })).toEqual({ ...record, port: 2 });
  expect(overlayAnswers(record, { auth: 'none' })).toEqual({ auth: 'none', port: 1 });
  expect(overlayAnswers({ auth: 'none' }, { protect: ['sse'] })).toEqual({ auth: 'none', protect: ['sse'] });
});
