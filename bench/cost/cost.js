import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startLoad } from '../load-process.js';
import { accepts, freePort } from '../server-process.js';

const key = 'a-key-of-the-check-0123456789';
const callers = [{ headers: { 'X-API-Key': key } }];

const warmupCalls = 200;
const countedCalls = 200;

/**
 * What one tool call costs a server, in numbers that no clock and no other program on the machine changes: calls of
 * JavaScript functions, promises and timers that are made, and bytes that are allocated.
 *
 * @param directory of a generated server with API keys, or of the floor
 * @param entry the file in it that node runs
 * @param path `/sse`, or `/mcp` for a session of Streamable HTTP
 */
export async function costOfCall(directory, entry, path = '/sse') {
  const port = await freePort();
  const server = fork(entry, [], {
    cwd: directory,
    execArgv: [
      ...['--import', join(import.meta.dirname, 'counter.js'), '--expose-gc'],
      // What is optimised when would depend on the clock, and optimised code allocates less.
      ...['--no-opt', '--min-semi-space-size=64', '--max-semi-space-size=64'],
    ],
    env: { ...process.env, PORT: String(port), API_KEY: `check:${key}`, RATE_LIMIT: '1000000' },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  let load;
  try {
    while (!(await accepts(port))) {
      if (server.exitCode !== null)
        throw new Error(`the server in ${directory} ended with ${server.exitCode}`);
      await sleep(20);
    }
    load = await startLoad({ port, callers, path });
    await load.send('open', { total: 1 });
    const callOneByOne = (count) => load.send('large', { bytes: 200, count });
    const counters = async (empty) => {
      server.send(empty);
      return (await once(server, 'message'))[0];
    };

    await callOneByOne(warmupCalls);
    const before = await counters(true);
    await callOneByOne(countedCalls);
    const after = await counters(false);
    return {
      functionCalls: after.functionCalls / countedCalls,
      promises: (after.promises - before.promises) / countedCalls,
      timers: (after.timers - before.timers) / countedCalls,
      bytes: (after.bytes - before.bytes) / countedCalls,
    };
  } finally {
    load?.stop();
    server.kill();
  }
}
