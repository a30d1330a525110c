import kleur from 'kleur';
import { beforeAll, describe, expect, test } from 'vitest';
import { completeAnswers } from '../src/answers.js';
import { readArguments } from '../src/arguments.js';
import { badInput, CreateError } from '../src/errors.js';
import type { Answers } from '../src/questions.js';
import { asFlags, fileTree, jsonError, repeatCommand, summary } from '../src/report.js';

const setting = { cwd: '/', templates: '/', packageManager: 'npm' } as const;
const complete = (given: Partial<Answers>) => completeAnswers(given, setting);

beforeAll(() => {
  kleur.enabled = false;
});

describe('the command that repeats a run', () => {
  const repeat = (given: Partial<Answers>) => {
    const answers = complete(given);
    return repeatCommand(answers, complete({ directory: answers.directory }), 'posix');
  };

  test.each<[Partial<Answers>, string]>([
    [{}, 'npx create-mcp-sse my-mcp-server --yes'],
    [{ directory: 'x', port: 9000, git: false }, 'npx create-mcp-sse x --port 9000 --no-git --yes'],
    [{ directory: 'My Dir', name: 'my-dir' }, "npx create-mcp-sse 'My Dir' --yes"],
    [{ directory: '-x', protect: ['sse'] }, 'npx create-mcp-sse ./-x --protect sse --yes'],
    [{ directory: 'x', auth: 'none' }, 'npx create-mcp-sse x --auth none --yes'],
    [{ directory: 'x', packageManager: 'pnpm' }, 'pnpm create mcp-sse x --yes'],
  ])('%j: %s', (given, command) => {
    expect(repeat(given)).toBe(command);
  });

  test('gives the same answers', () => {
    const answers = complete({
      directory: 'x',
      endpoint: '/a',
      auth: 'jwt',
      protect: ['messages'],
      relay: 'none',
    });
    const words = repeatCommand(answers, complete({ directory: 'x' }), 'posix')
      .split(' ')
      .slice(2);
    const { given } = readArguments(words, {}) as { given: Partial<Answers> };
    expect(complete(given)).toEqual(answers);
  });
});

test('answers are shown as they are typed: the directory has no flag', () => {
  const answers = complete({ directory: 'x', git: false });
  expect(asFlags(answers, ['directory', 'port', 'git'])).toEqual(['x', '--port', '8080', '--no-git']);
});

test('the summary shows what will be made, and leaves out what has no meaning', () => {
  const lines = summary(complete({ auth: 'none', streamableHttp: false }));
  expect(lines).toContain('auth type              none');
  expect(lines).toContain('Streamable HTTP too    no');
  expect(lines.join()).not.toContain('protected');
});

test('the tree shows each file under its folders, with what is done to it', () => {
  expect(
    fileTree([
      { path: 'a', action: 'create' },
      { path: 'b/c/d', action: 'overwrite' },
      { path: 'b/e', action: 'keep' },
    ]),
  ).toBe(
    ['  create     a', '             b/', '               c/', '  overwrite      d', '  keep         e'].join(
      '\n',
    ),
  );
});

describe('--json of a failure', () => {
  test('has where the project is, how to go on, and the end of what the failed program printed', () => {
    const output = Array.from({ length: 100 }, (_, line) => `line ${line}`).join('\n');
    const error = new CreateError('install_failed', 'npm install failed', { output });
    error.directory = '/projects/x';
    error.resume = ['cd x', 'npm install'];
    const told = JSON.parse(jsonError(error));
    expect(told).toMatchObject({ ok: false, directory: '/projects/x', resume: ['cd x', 'npm install'] });
    expect(told.error).toMatchObject({ code: 'install_failed', message: 'npm install failed' });
    expect(told.error.output.split('\n')).toHaveLength(50);
    expect(told.error.output).toMatch(/line 99$/);
  });

  test('that left nothing has no more than the error', () => {
    expect(JSON.parse(jsonError(badInput('--port', 'x', 'a number is accepted')))).toEqual({
      ok: false,
      error: { code: 'bad_input', flag: '--port', message: '--port x: a number is accepted' },
    });
  });
});
