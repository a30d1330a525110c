import type { Figure } from './statistics.js';

export interface CpuTimes {
  all: number;
  steal: number;
}

export function readCpuTimes(stat?: string): CpuTimes;
export function stealPercent(before: CpuTimes, after: CpuTimes): number;
export function spreadPercent(figures: (Figure | undefined)[]): number | undefined;
