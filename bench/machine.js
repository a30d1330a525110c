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

/** Results as JSON, formatted as the linter wants it: lists of numbers on one line. */
export function toJson(results) {
  const text = JSON.stringify(results, rounded, 2);
  return `${text.replace(/\[\n[^[\]{}"]+\]/g, (list) => JSON.stringify(JSON.parse(list)).replaceAll(',', ', '))}\n`;
}

/** Four digits are more than the spread allows. */
function rounded(_key, value) {
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value;
}
