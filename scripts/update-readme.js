// Writes the tables of README.md that derive from the source. Needs dist/.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as source from '../dist/index.js';
import { withTables } from './readme-tables.js';

const file = join(import.meta.dirname, '../README.md');
writeFileSync(file, withTables(readFileSync(file, 'utf8'), source));
