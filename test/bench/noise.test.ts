import { expect, test } from 'vitest';
import { readCpuTimes, spreadPercent, stealPercent } from '../../bench/noise.js';

const statOf = (line: string) => `${line}\ncpu0 1 2 3 4 5 6 7 8 9 10\nintr 12345\n`;

test('of /proc/stat all CPU time counts once, guest time being part of user time', () => {
  expect(readCpuTimes(statOf('cpu  100 20 300 4000 50 6 7 8 90 10'))).toEqual({ all: 4491, steal: 8 });
});

test('a kernel that does not know steal has none', () => {
  expect(readCpuTimes(statOf('cpu  1 2 3 4'))).toEqual({ all: 10, steal: 0 });
});

test('steal is a share of the time between two readings', () => {
  expect(stealPercent({ all: 1000, steal: 10 }, { all: 1400, steal: 30 })).toBe(5);
  expect(stealPercent({ all: 1000, steal: 10 }, { all: 1000, steal: 10 })).toBe(0);
});

test('the spread of the rounds is that of the server in the middle', () => {
  const figure = (...rounds: number[]) => ({
    median: 100,
    min: Math.min(...rounds),
    max: Math.max(...rounds),
    rounds,
  });
  expect(spreadPercent([figure(95, 100, 105), figure(99, 101), figure(50, 150)])).toBe(10);
  expect(spreadPercent([figure(100), undefined])).toBeUndefined();
});
