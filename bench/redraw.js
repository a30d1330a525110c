// Writes pictures, page and README section anew, from the results of the last full run.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeReport } from './report/report.js';

writeReport(JSON.parse(readFileSync(join(import.meta.dirname, 'results/full.json'), 'utf8')));
