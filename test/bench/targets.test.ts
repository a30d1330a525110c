import { expect, test } from 'vitest';
import { pairedRatio, summarise } from '../../bench/statistics.js';
import { evaluateTargets } from '../../bench/targets.js';

const rounds = (...values: (number | null)[]) => ({ rounds: values });

test('figures are compared round by round, so that a slow round of both changes nothing', () => {
  // The ratio of the medians would be 1.
  expect(pairedRatio(rounds(50, 100, 300), rounds(100, 100, 300))).toBe(1);
  expect(pairedRatio(rounds(50, 100, 300), rounds(100, 200, 400))).toBe(0.5);
});

test('a round that failed on either side is not compared, and the others stay in pairs', () => {
  expect(pairedRatio(rounds(null, 100, 300), rounds(1, 200, 600))).toBe(0.5);
  expect(pairedRatio(rounds(1, 100, 300), rounds(null, 200, 600))).toBe(0.5);
});

test('nothing is compared with what was not measured', () => {
  expect(pairedRatio(rounds(1), undefined)).toBeUndefined();
  expect(pairedRatio(undefined, rounds(1))).toBeUndefined();
  expect(pairedRatio(rounds(1), rounds(null))).toBeUndefined();
});

test('a summary keeps the place of a round that failed, at every depth', () => {
  const summary = summarise([{ at: { p99: 4 } }, { error: 'no' }, { at: { p99: 2 } }]);
  expect(summary).toEqual({ at: { p99: { median: 3, min: 2, max: 4, rounds: [4, null, 2] } }, error: 'no' });
});

test('of several peers the best one decides, and floors are none', () => {
  const start = (startMs: number) => summarise([{ startMs }]);
  const targets = evaluateTargets({
    servers: [{ id: 'apikey', ours: true }, { id: 'slow' }, { id: 'quick' }, { id: 'floor', floor: true }],
    measures: { start: { apikey: start(90), slow: start(300), quick: start(100), floor: start(10) } },
  });
  const target = targets.find(({ name }) => name.startsWith('start to listening'));
  expect(target).toMatchObject({ value: 0.9, met: false });
  expect(targets.filter(({ met }) => met !== undefined)).toEqual([target]);
});
