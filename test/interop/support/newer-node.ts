import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const require = createRequire(import.meta.url);

/** Node.js as some clients need it; it is installed with them. */
export const newerNode = join(dirname(require.resolve('node/package.json')), 'bin/node');
