// Compiles on every change, and restarts the server whenever that worked or .env changed. Its clients see why a tool failed.
import { spawn, spawnSync } from 'node:child_process';
import { watch } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';

const windows = process.platform === 'win32';
// TypeScript exports its package.json, but not bin/tsc.
const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');
const pretty = process.stdout.isTTY ? ['--pretty'] : [];

/** The running server, if there is one. */
let server;
let startAgain = false;

function start() {
  server = spawn(process.execPath, ['--enable-source-maps', 'dist/main.js'], {
    stdio: 'inherit',
    env: { EXPOSE_ERRORS: 'on', ...process.env },
  });
  server.once('exit', () => {
    server = undefined;
    if (startAgain) start();
    else console.log('The server has ended. The next change starts it again.');
    startAgain = false;
  });
}

function restart() {
  if (server === undefined) return start();
  if (startAgain) return; // It lets calls end first, and a second signal would end them.
  startAgain = true;
  server.kill();
}

let soon;
/** Editors write a file in several steps, and each is a change. */
function restartSoon() {
  clearTimeout(soon);
  soon = setTimeout(restart, 100);
}

// A process group of its own: the compiler may be a child of this process, and has to end with it.
const compiler = spawn(
  process.execPath,
  [tsc, '-p', 'tsconfig.build.json', '--watch', '--preserveWatchOutput', ...pretty],
  { stdio: ['ignore', 'pipe', 'inherit'], detached: !windows },
);
compiler.once('exit', (status) => process.exit(status ?? 1));

let hasCompiled = false;
createInterface({ input: compiler.stdout }).on('line', (line) => {
  console.log(line);
  const [, errors] = /Found (\d+) error/.exec(line) ?? [];
  // After any error nothing is written.
  if (Number(errors) > 0)
    console.log(
      server ? 'The server runs on as before this change.' : 'The server starts when there are no errors.',
    );
  if (errors !== '0') return;
  hasCompiled = true;
  restartSoon();
});

watch('.', (_, file) => {
  if (file === '.env' && hasCompiled) restartSoon();
});

process.on('exit', () => {
  server?.kill();
  if (compiler.exitCode !== null || compiler.signalCode !== null) return;
  if (windows) return spawnSync('taskkill', ['/pid', String(compiler.pid), '/t', '/f']);
  try {
    process.kill(-compiler.pid);
  } catch (error) {
    // It has just ended, and this process has not heard of it yet. macOS calls that EPERM.
    if (error.code !== 'ESRCH' && error.code !== 'EPERM') throw error;
  }
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit());
