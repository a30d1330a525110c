import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { passedTests } from '../src/test-output.js';
import { writeTree } from './fixtures/files.js';
import { temporaryDirectory } from './fixtures/temporary.js';

const source = `
const { describe, it, test } = require('node:test');
test('opens', () => {});
describe('a group', () => {
  it('counts # marks (too)', () => {});
  it.skip('is skipped', () => {});
});
test('holds another', (t) => t.test('the other', () => {}));
test('is for later', { todo: true }, () => {});
test('fails', { skip: process.env.ALL_PASS }, () => { throw new Error('no'); });
`;

test.each(['tap', 'spec'])(
  'the tests that passed are read from the %s reporter of this Node.js',
  (reporter) => {
    const directory = temporaryDirectory();
    writeTree(directory, { 'a.test.cjs': source });
    const args = ['--test', `--test-reporter=${reporter}`, 'a.test.cjs'];
    // Within vitest, node:test would take itself for a part of another run.
    const env = { PATH: process.env.PATH };
    let output = '';
    try {
      output = execFileSync(process.execPath, args, { cwd: directory, env, encoding: 'utf8' });
    } catch (error) {
      output = (error as { stdout: string }).stdout;
    }
    expect(output).toContain('fails');
    expect(passedTests(output)).toEqual(['opens', 'counts # marks (too)', 'the other']);
  },
);

test('other output is no test', () => {
  expect(passedTests('ok\nok then\n✔ done\n> x@1.0.0 test\n')).toEqual([]);
});
