import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pinned } from './cores.js';

const startTimeoutMs = 20_000;
const logs = mkdtempSync(join(tmpdir(), 'create-mcp-sse-bench-'));

/**
 * Starts one of `servers.js`, on a free port unless it has its own, and waits until it listens.
 *
 * @param pin whether it runs on the server's core
 *
 * @throws with the end of what it printed when it does not
 */
export async function startServer({ id, command, directory, env = {}, port: ownPort, pin = false }) {
  const port = ownPort ?? (await freePort());
  const parts = command.map((part) => part.replace('{port}', port));
  const [program, ...args] = pin ? pinned('server', parts) : parts;
  // A file, as in production: who reads a pipe too slowly would be measured too.
  const log = join(logs, `${id}.log`);
  const output = openSync(log, 'w');
  const startedAt = performance.now();
  const child = spawn(program, args, {
    cwd: directory,
    env: { ...process.env, NODE_ENV: 'production', ...env, PORT: String(port) },
    stdio: ['ignore', output, output],
  });
  const said = () => readFileSync(log, 'utf8').trim().split('\n').slice(-3).join(' / ').slice(0, 500);

  let exited = false;
  const gone = once(child, 'exit').then(() => {
    exited = true;
  });
  while (!(await accepts(port))) {
    const late = performance.now() - startedAt > startTimeoutMs;
    if (late) child.kill('SIGKILL');
    if (exited || late) throw new Error(`${exited ? 'ended' : 'did not listen'}: ${said()}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }

  return {
    port,
    startMs: performance.now() - startedAt,
    said,
    get exited() {
      return exited;
    },
    /** Sends a signal, and resolves when the server has ended by it. */
    endBy(signal) {
      child.kill(signal);
      return gone;
    },
    signal: (name) => child.kill(name),
    /** CPU seconds so far, user and system, of the server and its children. */
    cpuSeconds: () => sum(processTree(child.pid), cpuSecondsOf),
    /** Resident memory in KB of the server and its children. */
    memoryKb: () => sum(processTree(child.pid), memoryKbOf),
    /** Ends the server and its children at once. */
    stop() {
      if (!exited) for (const pid of processTree(child.pid)) kill(pid);
      return gone;
    },
  };
}

export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

export function accepts(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

function processTree(pid) {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
    return [pid, ...children.flatMap(processTree)];
  } catch {
    return []; // It ended.
  }
}

function kill(pid) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself, as a child does whose parent is gone.
  }
}

/** `schedstat` counts the same time as `stat` does, in nanoseconds instead of hundredths of a second. */
function cpuSecondsOf(pid) {
  const threads = readdirSync(`/proc/${pid}/task`);
  return (
    sum(threads, (thread) =>
      Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]),
    ) / 1e9
  );
}

function memoryKbOf(pid) {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);
}

function sum(items, amountOf) {
  return items.reduce((total, item) => total + amountOf(item), 0);
}
