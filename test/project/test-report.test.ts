import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { passedTests } from '../../src/project/test-output.ts';
import { writeTree } from '../fixtures/files.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';

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
  'the tests that passed are read from the output of the %s reporter',
  (reporter) => {
    const directory = temporaryDirectory();
    writeTree(directory, { 'a.test.cjs': source });
    const args = ['--test', `--test-reporter=${reporter}`, 'a.test.cjs'];
    // Within Vitest, node:test would take itself for part of another run.
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

test('other output is not taken for tests', () => {
  expect(passedTests('ok\nok then\n✔ done\n> x@1.0.0 test\n')).toEqual([]);
});
