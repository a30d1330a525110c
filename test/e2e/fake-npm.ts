import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { writeTree } from '../fixtures/files.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';

/** What a real npm leaves, by the words after it. */
const traces = {
  install: 'mkdir -p node_modules/a && echo x > node_modules/a/index.js && echo x > package-lock.json',
  'run build': 'mkdir -p dist && echo x > dist/main.js',
  'run test': 'mkdir -p dist-test && echo x > dist-test/server.test.js',
};

export type NpmStep = keyof typeof traces;

/** A folder with an npm that leaves traces like the real one, and then does what the test says, in the language of sh. */
export function fakeNpm(then: Partial<Record<NpmStep, string>> = {}): string {
  const bin = temporaryDirectory();
  const cases = Object.entries(traces).map(
    ([words, trace]) => `  "${words}"*) ${trace}\n    ${then[words as NpmStep] ?? ':'} ;;\n`,
  );
  writeTree(bin, { npm: `#!/bin/sh\ncase "$*" in\n${cases.join('')}esac\n` });
  chmodSync(join(bin, 'npm'), 0o755);
  return bin;
}
