import { join } from 'node:path';
import { toJson } from '../machine.js';
import { writeCharts } from './charts.js';
import { writePage, writeReadme } from './readme.js';

const folder = join(import.meta.dirname, '../results');
const readme = join(import.meta.dirname, '../../README.md');

/** Draws the pictures, and writes the page with all figures and the README's section. */
export function writeReport(results) {
  // As they are stored: else what redraw.js makes of them would differ in a last digit.
  const measured = JSON.parse(toJson(results));
  writeCharts(measured, folder);
  writePage(measured, folder);
  writeReadme(measured, readme);
}
