import { homedir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toPackageName } from '../src/accepts.js';
import { type Answers, allQuestions } from '../src/questions.js';

function accepts(key: keyof Answers) {
  const question = allQuestions.find((one) => one.key === key);
  if (question === undefined) throw new Error(`no question ${key}`);
  return question.accepts;
}

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
    bad: ['0', '65536', '-1', '80.5', '8080x', '0x50', '1e3', '', ' 80', Number.NaN, null, '9'.repeat(400)],
  },
  endpoint: {
    good: [
      ['/sse', '/sse'],
      ['/a/b-c_d.e~f', '/a/b-c_d.e~f'],
      ['/a/b/', '/a/b'],
      ['/', '/'],
    ],
    bad: [
      'sse',
      '',
      '/a b',
      '/a?b',
      '/a#b',
      '/../a',
      '/a..b',
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
      [['messages', 'messages'], ['messages']],
    ],
    bad: ['', 'sse,', 'mcp', [], [1]],
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

for (const [key, { good, bad }] of Object.entries(table)) {
  describe(key, () => {
    test.each(good)('%j is accepted', (input, value) => {
      expect(accepts(key as keyof Answers).parse(input)).toEqual(value);
    });

    test.each(bad.map((input) => [input]))('%j is not accepted', (input) => {
      expect(accepts(key as keyof Answers).parse(input)).toBeUndefined();
    });
  });
}

test('an accepted value is accepted again unchanged', () => {
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
    fc.property(fc.constantFrom(...allQuestions), input, ({ accepts: { parse } }, value) => {
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
])('%j as a package name is %j', (text, name) => {
  expect(toPackageName(text)).toBe(name);
});

test('whatever becomes a package name is a valid one', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      const name = toPackageName(text);
      if (name !== undefined) expect(accepts('name').parse(name)).toBe(name);
    }),
  );
});
