import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { directoryOf } from '../support/projects.js';

const script = join(import.meta.dirname, '../../../scripts/soak.js');

// The short form of scripts/soak.js, which says what is looked for.
test('sessions that open, call, stall and vanish lose no reply and leave nothing behind', {
  timeout: 60_000,
}, async () => {
  const args = ['--seconds', '5', '--sessions', '200', '--project', directoryOf('none')];
  const { exitCode, all } = await execa(process.execPath, [script, ...args], { all: true, reject: false });
  expect(exitCode, all).toBe(0);
});
