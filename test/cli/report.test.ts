import kleur from 'kleur';
import { beforeAll, expect, test } from 'vitest';
import { completeAnswers } from '../../src/answers/answers.ts';
import type { Answers } from '../../src/answers/questions.ts';
import { readArguments } from '../../src/cli/arguments.ts';
import {
  asFlags,
  failureText,
  fileTree,
  jsonError,
  nextStepsText,
  repeatCommand,
  summary,
} from '../../src/cli/report.ts';
import { CreateError, refusedValue } from '../../src/errors.ts';

const context = { cwd: '/', packageManager: 'npm' } as const;
const complete = (given: Partial<Answers>) => completeAnswers(given, context);

beforeAll(() => {
  kleur.enabled = false;
});

const repeat = (given: Partial<Answers>) => repeatCommand(complete(given), context, 'posix');

test.each<[Partial<Answers>, string]>([
  [{}, 'npx create-mcp-sse@latest my-mcp-server --yes'],
  [{ directory: 'x', port: 9000, git: false }, 'npx create-mcp-sse@latest x --port 9000 --no-git --yes'],
  [{ directory: 'My Dir', name: 'my-dir' }, "npx create-mcp-sse@latest 'My Dir' --yes"],
  [{ directory: '-x', protect: ['sse'] }, 'npx create-mcp-sse@latest ./-x --protect sse --yes'],
  [{ directory: 'x', auth: 'none' }, 'npx create-mcp-sse@latest x --auth none --yes'],
  [{ directory: 'x', packageManager: 'pnpm' }, 'pnpm create mcp-sse@latest x --yes'],
])('the command that repeats %j is %s', (given, command) => {
  expect(repeat(given)).toBe(command);
});

test('the command that repeats a run gives the same answers', () => {
  const answers = complete({
    directory: 'x',
    endpoint: '/a',
    auth: 'jwt',
    protect: ['messages'],
    relay: 'none',
  });
  const words = repeatCommand(answers, context, 'posix').split(' ').slice(2);
  const { given } = readArguments(words, {}) as { given: Partial<Answers> };
  expect(complete(given)).toEqual(answers);
});

test('answers are shown as they are typed, the directory without a flag', () => {
  const answers = complete({ directory: 'x', git: false });
  expect(asFlags(answers, ['directory', 'port', 'git'])).toEqual(['x', '--port', '8080', '--no-git']);
});

test('the summary shows the answers that the project depends on, except meaningless ones', () => {
  const lines = summary(complete({ auth: 'none', streamableHttp: false }));
  expect(lines).toContain('auth type                none');
  expect(lines).toContain('relay between processes  none');
  expect(lines).toContain('Streamable HTTP too      no');
  expect(lines.join()).not.toContain('protected');
});

test('in a narrow terminal the summary has no columns, which would wrap', () => {
  const lines = summary(complete({ directory: 'x' }), 40);
  expect(lines).toContain('where: x');
  expect(lines).toContain('relay between processes: none');
});

test('what a name or a record brings into a printed text cannot move the cursor', () => {
  const hostile = 'a\u001b[2Jb\u009bc\u202ed\u2028';
  const text = nextStepsText({
    notes: [hostile],
    packageJson: { [hostile]: hostile },
    commands: [`cd ${hostile}`],
    urls: { sse: `http://localhost/${hostile}`, messages: '', health: '' },
    page: hostile,
    own: { tools: hostile, register: hostile, shared: hostile, test: hostile },
    claudeCode: hostile,
    clientConfig: { mcpServers: { [hostile]: { type: 'sse', url: '' } } },
  });
  const failure = failureText(
    new CreateError('install_failed', hostile, { output: `${hostile}\n\tat x` }),
    '✗',
  );
  const shown = summary(complete({ directory: hostile })).join('\n');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what must not be there
  expect(text + failure + shown).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e]/);
});

test('the tree of files shows each file in its folders with what would be done to it', () => {
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

const finished = {
  notes: [],
  commands: ['npm install', 'npm start'],
  urls: { sse: 'http://localhost/sse', messages: '', health: '' },
  page: 'http://localhost/',
  own: { tools: 'src/tools/', register: 'src/mcp-server.ts', shared: 'src/app.ts', test: 'npm test' },
  claudeCode: 'claude mcp add',
  clientConfig: { mcpServers: {} },
};

test('the next steps name the key that the page asks for', () => {
  const header = { name: 'X-API-Key', value: 'a-key' };
  expect(nextStepsText({ ...finished, header })).toContain(
    'Open http://localhost/ to try its tools.\n   It asks for the key: a-key\n',
  );
});

test('a key that is still to be put in is not called one', () => {
  const header = { name: 'X-API-Key', value: '<key>' };
  const text = nextStepsText({ ...finished, header, credential: 'Replace <key> with API_KEY' });
  expect(text).not.toContain('asks for');
});

test('the next steps begin with what a kept package.json lacks, before the commands that need it', () => {
  const text = nextStepsText({ ...finished, packageJson: { scripts: { build: 'tsc' } } });
  expect(text).toMatch(/First add this to it:.*"build": "tsc.*npm install.*npm start/s);
  expect(text).toContain('Open http://localhost/ to try its tools.');
  expect(text).toContain('Add your own in src/tools/, register them in src/mcp-server.ts, and run npm test.');
});

test('a failure as JSON says where the project is, how to finish it, and how the output ended', () => {
  const output = Array.from({ length: 100 }, (_, line) => `line ${line}`).join('\n');
  const error = new CreateError('install_failed', 'npm install failed', { output });
  error.directory = '/projects/x';
  error.resume = ['cd x', 'npm install'];
  const told = JSON.parse(jsonError(error));
  expect(Object.keys(told)).toEqual(['ok', 'error']);
  expect(told.error).toMatchObject({
    code: 'install_failed',
    message: 'npm install failed',
    directory: '/projects/x',
    resume: ['cd x', 'npm install'],
  });
  expect(told.error.output.split('\n')).toHaveLength(50);
  expect(told.error.output).toMatch(/line 99$/);
});

test('a failure as JSON has only the error if nothing was written', () => {
  expect(JSON.parse(jsonError(refusedValue('--port', 'x', 'a number')))).toEqual({
    ok: false,
    error: { code: 'bad_input', flag: '--port', message: '--port x must be a number' },
  });
});
