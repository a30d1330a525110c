// Compiles on every change, and restarts the server whenever that worked.
import { spawn, spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const windows = process.platform === 'win32';
// TypeScript lets nobody import bin/tsc, only its package.json.
const typescript = dirname(createRequire(import.meta.url).resolve('typescript/package.json'));
// With what the first build knows, the second one writes nothing, which would restart the server at once.
const known = 'dist/dev.tsbuildinfo';
const compile = [
  join(typescript, 'bin/tsc'),
  '-p',
  'tsconfig.build.json',
  '--incremental',
  '--tsBuildInfoFile',
  known,
];

rmSync(known, { force: true });
const firstBuild = spawnSync(process.execPath, compile, { stdio: 'inherit' });
if (firstBuild.status !== 0) process.exit(firstBuild.status ?? 1);

// A process group of its own: the compiler may be a child of this process, and has to end with it.
const compiler = spawn(process.execPath, [...compile, '--watch', '--preserveWatchOutput'], {
  stdio: ['ignore', 'inherit', 'inherit'],
  detached: !windows,
});
const server = spawn(process.execPath, ['--watch', '--watch-preserve-output', 'dist/main.js'], {
  stdio: 'inherit',
});

process.on('exit', () => {
  server.kill();
  if (compiler.exitCode !== null || compiler.signalCode !== null) return;
  if (windows) return spawnSync('taskkill', ['/pid', String(compiler.pid), '/t', '/f']);
  try {
    process.kill(-compiler.pid);
  } catch (error) {
    // It has just ended by itself, and this process has not heard of it yet. macOS calls that EPERM.
    if (error.code !== 'ESRCH' && error.code !== 'EPERM') throw error;
  }
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit());
