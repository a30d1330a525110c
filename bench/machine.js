import { cpus, loadavg, release, totalmem } from 'node:os';
import { cores } from './cores.js';

/** What the figures were measured on. */
export function machine() {
  return {
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 1e9),
    system: `Linux ${release().split('-')[0]}`,
    node: process.version,
    /** The cores of the server and of the load generator, if they were pinned. */
    pinned: cores,
    loadAverageAtStart: loadavg()[0],
  };
}

/** For JSON: four digits are more than the spread allows. */
export function rounded(_key, value) {
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value;
}
