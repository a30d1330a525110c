import { expect, test } from 'vitest';
import { reasonNotToAsk } from '../../src/cli/asking.ts';

const reason = (env: NodeJS.ProcessEnv, flags = {}, terminal = { stdin: true, stdout: true }) =>
  reasonNotToAsk(
    { yes: false, json: false, ...flags },
    { env, stdin: { isTTY: terminal.stdin }, stdout: { isTTY: terminal.stdout } },
  );

test.each([{}, { CI: '' }, { CI: '0' }, { CI: 'false' }, { TERM: 'xterm' }])(
  'questions are asked in a terminal with the environment %j',
  (env) => {
    expect(reason(env)).toBeUndefined();
  },
);

test.each([
  [{ CI: 'true' }, 'CI'],
  [{ TERM: 'dumb' }, 'TERM=dumb, a terminal that cannot show prompts'],
  [{ CLAUDECODE: '1' }, 'CLAUDECODE is set'],
])('nothing is asked in a terminal with the environment %j', (env, why) => {
  expect(reason(env)).toBe(why);
});

test.each([
  { stdin: false, stdout: true },
  { stdin: true, stdout: false },
])('nothing is asked if one end is not a terminal: %j', (terminal) => {
  expect(reason({}, {}, terminal)).toBe('no terminal');
});

test('nothing is asked with --yes or --json', () => {
  expect(reason({}, { yes: true })).toBe('--yes');
  expect(reason({}, { json: true })).toBe('--json');
});
