import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
// @ts-expect-error -- a script without declarations
import { withTables } from '../scripts/readme-tables.js';
import { allQuestions } from '../src/answers/questions.ts';
import { exitStatuses, failures } from '../src/errors.ts';

test('the tables of the README derive from the source (npm run readme writes them)', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  expect(withTables(readme, { allQuestions, exitStatuses })).toBe(readme);
});

test('every exit status is explained', () => {
  expect(Object.keys(exitStatuses).map(Number)).toEqual([0, ...new Set(Object.values(failures))]);
});
