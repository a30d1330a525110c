import { readFileSync } from 'node:fs';
import { spread } from './statistics.js';

/**
 * CPU time of the whole machine so far, in ticks: all of it, and what the host gave to other machines meanwhile (steal).
 * https://man7.org/linux/man-pages/man5/proc_stat.5.html
 */
export function readCpuTimes(stat = readFileSync('/proc/stat', 'utf8')) {
  const [line] = stat.split('\n');
  // user nice system idle iowait irq softirq steal; the guest times that follow are part of the first two.
  const ticks = line.trim().split(/\s+/).slice(1, 9).map(Number);
  return { all: ticks.reduce((sum, part) => sum + part, 0), steal: ticks[7] ?? 0 };
}

/** Percent of the CPU time between two readings that was stolen. */
export function stealPercent(before, after) {
  const all = after.all - before.all;
  return all > 0 ? (100 * (after.steal - before.steal)) / all : 0;
}

/** How far the rounds of a figure lie apart, in percent of its median: the median over all servers. Undefined after one round. */
export function spreadPercent(figures) {
  const spreads = figures
    .filter((figure) => figure?.rounds.length > 1 && figure.median > 0)
    .map(({ median, min, max }) => (100 * (max - min)) / median);
  return spreads.length > 0 ? spread(spreads).median : undefined;
}
