import { fork } from 'node:child_process';
import { join } from 'node:path';
import { pinned } from './cores.js';

/** Forks a script of this folder. @param pin whether it runs on the core that is not the server's */
export function forkScript(script, args, pin) {
  const [execPath, ...execArgv] = pin ? pinned('load', [process.execPath]) : [process.execPath];
  return fork(join(import.meta.dirname, script), args, { execPath, execArgv });
}

/**
 * Starts a load generator for one server.
 *
 * @returns `send(command, options, { begin, end })`, which resolves with the command's result and calls `begin` and
 *   `end` around the part of it that counts; and `stop()`
 */
export async function startLoad({ port, callers, path = '/sse', pin = false }) {
  const child = forkScript('load.js', [], pin);
  const running = new Map();
  let nextId = 1;
  child.on('message', ({ id, event, result, error }) => {
    const { on, resolve, reject } = running.get(id);
    if (event) return on[event]?.();
    running.delete(id);
    if (error === undefined) resolve(result);
    else reject(new Error(error));
  });
  child.on('exit', () => {
    for (const { reject } of running.values()) reject(new Error('the load generator ended'));
  });

  function send(command, options, on = {}) {
    return new Promise((resolve, reject) => {
      const id = nextId++;
      running.set(id, { on, resolve, reject });
      child.send({ id, command, options });
    });
  }

  await send('target', { host: '127.0.0.1', port, path, callers });
  return { send, stop: () => child.kill() };
}
