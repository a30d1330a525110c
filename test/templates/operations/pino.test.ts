import { spawn } from 'node:child_process';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { execa } from 'execa';
import { expect, onTestFinished, test } from 'vitest';
import { directoryOf } from '../support/projects.js';

const root = join(import.meta.dirname, '../../..');

test('pino replaces the log with one line of main.ts and its import', async () => {
  const project = join(directoryOf('apikey'), '../apikey-with-pino');
  await cp(directoryOf('apikey'), project, { recursive: true });
  const main = await readFile(join(project, 'src/main.ts'), 'utf8');
  const withPino = main
    .replace("import { createLog } from './monitoring/log.ts';", "import { pino } from 'pino';")
    .replace('const log = createLog(config.log);', 'const log = pino({ level: config.log.level });');
  expect(withPino.split('\n').filter((line) => !main.includes(line))).toHaveLength(2);
  await writeFile(join(project, 'src/main.ts'), withPino);
  await execa('tsc', ['-p', 'tsconfig.build.json'], { cwd: project, preferLocal: true, localDir: root });

  const server = spawn(process.execPath, ['dist/main.js'], {
    cwd: project,
    env: { ...process.env, PORT: '0' },
  });
  onTestFinished(() => void server.kill());
  for await (const line of createInterface({ input: server.stdout })) {
    const { level, hostname, msg, url, status } = JSON.parse(line);
    // 30 is what pino writes for `info`.
    expect({ level, hostname }).toEqual({ level: 30, hostname: expect.any(String) });
    if (msg === 'listening') await fetch(new URL('/no/such/path', url));
    if (msg !== 'request refused') continue;
    expect(status).toBe(404);
    break;
  }
});
