import { fork } from 'node:child_process';
import { join } from 'node:path';

/**
 * Starts a load generator for one server.
 *
 * @returns `send(command, options, { begin, end })`, which resolves with the command's result and calls `begin` and
 *   `end` around the part of it that counts; and `stop()`
 */
export async function startLoad({ port, callers }) {
  const child = fork(join(import.meta.dirname, 'load.js'));
  let current;
  child.on('message', ({ event, result, error }) => {
    if (event) current.on[event]?.();
    else if (error === undefined) current.resolve(result);
    else current.reject(new Error(error));
  });
  child.on('exit', () => current?.reject(new Error('the load generator ended')));

  function send(command, options, on = {}) {
    return new Promise((resolve, reject) => {
      current = { resolve, reject, on };
      child.send({ command, options });
    });
  }

  await send('target', { host: '127.0.0.1', port, path: '/sse', callers });
  return { send, stop: () => child.kill() };
}
