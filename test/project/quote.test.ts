import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { commandLine, currentShell, quote } from '../../src/project/quote.ts';

describe.skipIf(process.platform === 'win32')('quoting for a POSIX shell', () => {
  const words = (line: string) =>
    execFileSync('sh', ['-c', `printf '%s\\0' ${line}`], { encoding: 'utf8' })
      .split('\0')
      .slice(0, -1);

  test('a POSIX shell splits a quoted command line into the same words', () => {
    // Any text but the NUL that no argument can hold.
    const word = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => !text.includes('\0'));
    fc.assert(
      fc.property(fc.array(word, { minLength: 1 }), (list) => {
        expect(words(commandLine(list, 'posix'))).toEqual(list);
      }),
    );
  });

  test.each(["it's", '$HOME', '`id`', '~', '', '*', 'a\nb', '!!', '#x', 'a;b'])(
    'a POSIX shell reads the quoted %j as it is',
    (word) => {
      expect(words(quote(word, 'posix'))).toEqual([word]);
    },
  );
});

test.each([
  ['plain-1.0/a', 'plain-1.0/a', 'plain-1.0/a'],
  ['my server', "'my server'", '"my server"'],
  ['', "''", '""'],
  ["it's", "'it''s'", `"it's"`],
  ['it’s', "'it’’s'", '"it’s"'],
  ['sse,messages', "'sse,messages'", 'sse,messages'],
  ['@me/x', "'@me/x'", '@me/x'],
  ['a"b', `'a"b'`, '"a\\"b"'],
  ['a\\"b', `'a\\"b'`, '"a\\\\\\"b"'],
  ['C:\\my dir\\', "'C:\\my dir\\'", '"C:\\my dir\\\\"'],
  ['100%PATH%', "'100%PATH%'", '"100"^%"PATH"^%""'],
  ['$env:X & b', "'$env:X & b'", '"$env:X & b"'],
])('%j is quoted as %s for PowerShell and as %s for cmd', (word, powershell, cmd) => {
  expect(quote(word, 'powershell')).toBe(powershell);
  expect(quote(word, 'cmd')).toBe(cmd);
});

test.each([
  [{}, 'linux', 'posix'],
  [{ PROMPT: '$P$G' }, 'darwin', 'posix'],
  [{ PROMPT: '$P$G' }, 'win32', 'cmd'],
  [{ PSModulePath: 'x' }, 'win32', 'powershell'],
  [{ MSYSTEM: 'MINGW64' }, 'win32', 'posix'],
] as const)('with the environment %j on %s the shell is %s', (env, platform, shell) => {
  expect(currentShell(env as NodeJS.ProcessEnv, platform)).toBe(shell);
});
