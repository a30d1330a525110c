import { expect, test } from 'vitest';
import { createRun } from '../../src/project/run.ts';
import { reportTests } from '../../src/project/test-report.ts';
import { writeTree } from '../fixtures/files.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';

const source = `
const { describe, it, test } = require('node:test');
test('opens', () => { console.log('ok 7 - printed'); });
describe('a group', () => {
  it('counts # marks \\\\ (too)', () => {});
  it('is left out', { skip: 'no key # yet' }, () => {});
});
test('holds another', (t) => t.test('the other', () => {}));
test('is for later', { todo: true }, () => {});
test('fails', () => { throw new Error('no'); });
`;

/** Runs Node.js as a script of a project does whose exit status is lost. */
async function results(files: Record<string, string>, ...args: string[]) {
  const cwd = temporaryDirectory();
  writeTree(cwd, files);
  return reportTests((env) => createRun()(process.execPath, args, { cwd, env }).catch(() => ''));
}

test('how each test ended is read from the report, regardless of output and exit status', async () => {
  expect(await results({ 'a b/a.test.cjs': source }, '--test', 'a b/a.test.cjs')).toEqual([
    { name: 'opens', outcome: 'passed' },
    { name: 'counts # marks \\ (too)', outcome: 'passed' },
    { name: 'is left out', outcome: 'skipped', reason: 'no key # yet' },
    { name: 'the other', outcome: 'passed' },
    { name: 'is for later', outcome: 'skipped' },
    { name: 'fails', outcome: 'failed' },
  ]);
});

test('the tests of several files are in one report, and a file that ends early is a failed test', async () => {
  const files = { 'a.test.cjs': "require('node:test')('a', () => {})", 'b.test.cjs': 'process.exit(1)' };
  expect((await results(files, '--test', 'a.test.cjs', 'b.test.cjs')).map(({ outcome }) => outcome)).toEqual([
    'passed',
    'failed',
  ]);
});

test.each(['console.log("ok 1 - a client connects")', '', 'process.exit(1)'])(
  'without a test, nothing is reported, whatever is printed: %s',
  async (script) => {
    expect(await results({}, '-e', script)).toEqual([]);
  },
);

test('a reporter that a test script chooses itself changes nothing', async () => {
  const dots = ['--test-reporter=dot', '--test-reporter-destination=stdout'];
  const files = { 'a.test.cjs': "require('node:test')('a', () => {})" };
  expect(await results(files, '--test', ...dots, 'a.test.cjs')).toHaveLength(1);
});
