import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { directoryOf } from '../templates/support/projects.js';

const script = join(import.meta.dirname, '../../scripts/soak.js');

// Tens of thousands of sessions are opened and dropped; scripts/soak.js says what is looked for.
test('2,000 sessions that open, call, stall and vanish for two minutes lose no reply and leave nothing behind', {
  timeout: 240_000,
}, async () => {
  const args = ['--seconds', '120', '--sessions', '2000', '--project', directoryOf('none')];
  const { exitCode, all } = await execa(process.execPath, [script, ...args], { all: true, reject: false });
  expect(exitCode, all).toBe(0);
});
