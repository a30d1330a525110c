import { join } from 'node:path';
import { writeCharts } from './charts.js';
import { writePage, writeReadme } from './readme.js';

const results = join(import.meta.dirname, '../results');
const readme = join(import.meta.dirname, '../../README.md');

/** Draws the pictures, and writes the page with all figures and the README's section. */
export function writeReport(measured) {
  writeCharts(measured, results);
  writePage(measured, results);
  writeReadme(measured, readme);
}
