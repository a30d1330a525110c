// Compiles on every change, and restarts the server whenever that worked.
import { spawn, spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';

const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
const options = { stdio: 'inherit' };

const firstBuild = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], options);
if (firstBuild.status !== 0) process.exit(firstBuild.status ?? 1);

const compiler = spawn(
  process.execPath,
  [tsc, '-p', 'tsconfig.build.json', '--watch', '--preserveWatchOutput'],
  options,
);
const server = spawn(process.execPath, ['--watch', 'dist/main.js'], options);
process.on('exit', () => {
  compiler.kill();
  server.kill();
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit());
