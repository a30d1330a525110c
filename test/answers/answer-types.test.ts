import { homedir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { toPackageName } from '../../src/answers/answer-types.ts';
import { type AnswerKey, allQuestions, questionOf } from '../../src/answers/questions.ts';

const typeOf = (key: string) => questionOf(key as AnswerKey).type;

const table: Record<string, { good: [unknown, unknown][]; bad: unknown[] }> = {
  directory: {
    good: [
      ['my-server', 'my-server'],
      ['.', '.'],
      ['/a/b c/ü', '/a/b c/ü'],
      ['~/servers', join(homedir(), 'servers')],
      ['./~', './~'],
    ],
    bad: ['', '  ', 'a\0b', 7],
  },
  name: {
    good: [
      ['my-server', 'my-server'],
      ['@me/my.server', '@me/my.server'],
    ],
    bad: ['', 'My-Server', 'my server', '.hidden', 'node_modules', '@me/', 'a'.repeat(215), 'café', null],
  },
  port: {
    good: [
      ['1', 1],
      [8080, 8080],
      ['65535', 65535],
    ],
    bad: [
      [8080],
      true,
      '0',
      '65536',
      '-1',
      '80.5',
      '8080x',
      '0x50',
      '1e3',
      '',
      ' 80',
      Number.NaN,
      null,
      '9'.repeat(400),
    ],
  },
  endpoint: {
    good: [
      ['/sse', '/sse'],
      ['/a/b-c_d.e~f', '/a/b-c_d.e~f'],
      ['/a/b/', '/a/b'],
      ['/v1:sse', '/v1:sse'],
      ['/@me/sse', '/@me/sse'],
      ['/a%20b', '/a%20b'],
      ['/a..b', '/a..b'],
    ],
    bad: [
      'sse',
      '',
      '/',
      '/a b',
      '/a?b',
      '/a#b',
      '/../a',
      '/a/./b',
      '/%2e%2e/a',
      '/a%5cb',
      '/a%00',
      '/a%zz',
      '/a;b',
      '/$HOME',
      "/a'b",
      '//evil.example/x',
      '/a%2fb',
      '/a\\b',
      '/é',
      '/a\n',
      8,
    ],
  },
  maxMessageSize: {
    good: [
      ['4mb', '4mb'],
      ['4MB', '4mb'],
      ['1kb', '1kb'],
      ['1024b', '1024b'],
      ['0256mb', '256mb'],
      ['1.5mb', '1572864b'],
    ],
    bad: ['4', 'mb', '0mb', '1023b', '257mb', '4gb', '4 mb', '-4mb', '0.0001kb', '1e2kb', ''],
  },
  auth: { good: [['jwt', 'jwt']], bad: ['JWT', '', 'toString', '__proto__', 1] },
  protect: {
    good: [
      ['sse', ['sse']],
      ['messages, sse', ['sse', 'messages']],
      ['sse,', ['sse']],
      [['messages', 'messages'], ['messages']],
    ],
    bad: ['', ',', 'mcp', 'sse,mcp', [], [1], ['sse,messages'], [['sse']], ['sse', null], {}, null],
  },
  streamableHttp: { good: [[false, false]], bad: ['yes', 1, 'true', null] },
  host: {
    good: [
      ['127.0.0.1', '127.0.0.1'],
      ['::1', '::1'],
      ['[::1]', '::1'],
      ['MCP.example.com', 'mcp.example.com'],
      ['localhost', 'localhost'],
    ],
    bad: ['', '999.1.1.1', '1.2.3', 'a_b', '-a', 'a..b', 'http://a', 'a:80', 'a b', '[a]:1', 'a'.repeat(254)],
  },
};

const goodRows = Object.entries(table).flatMap(([key, { good }]) =>
  good.map(([input, value]) => [key, input, value] as const),
);
const badRows = Object.entries(table).flatMap(([key, { bad }]) => bad.map((input) => [key, input] as const));

test.each(goodRows)('as an answer to %s, %j is valid', (key, input, value) => {
  expect(typeOf(key).parse(input)).toEqual(value);
});

test.each(badRows)('as an answer to %s, %j is refused', (key, input) => {
  expect(typeOf(key).parse(input)).toBeUndefined();
});

test('a parsed answer parses to itself', () => {
  const input = fc.oneof(
    fc.string(),
    fc.integer(),
    fc.boolean(),
    fc.webPath(),
    fc.domain(),
    fc.ipV6(),
    fc.constantFrom(...Object.values(table).flatMap(({ good }) => good.map(([value]) => value))),
  );
  fc.assert(
    fc.property(fc.constantFrom(...allQuestions), input, ({ type: { parse } }, value) => {
      const once = parse(value);
      if (once !== undefined) expect(parse(once)).toEqual(once);
    }),
    { numRuns: 2000 },
  );
});

test.each([
  ['My Server', 'my-server'],
  ['Café Crème', 'cafe-creme'],
  ['.hidden', 'hidden'],
  ['--x--', 'x'],
  ['日本', undefined],
  ['node_modules', undefined],
])('the package name made from %j is %j', (text, name) => {
  expect(toPackageName(text)).toBe(name);
});

test('a package name made from any text is valid', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      const name = toPackageName(text);
      if (name !== undefined) expect(typeOf('name').parse(name)).toBe(name);
    }),
  );
});
