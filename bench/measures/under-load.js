import { startLoad } from '../load-process.js';
import { startServer } from '../server-process.js';

/**
 * Runs `measure` with a fresh process of the server and a load generator for it, and ends both whatever happens.
 *
 * @returns what `measure` returns; `{ error }` when the server fails at it
 */
export async function underLoad(subject, measure) {
  let server;
  let load;
  try {
    server = await startServer(subject);
    const { callers, path, pin } = subject;
    load = await startLoad({ port: server.port, callers, path, pin });
    return await measure(server, load);
  } catch (error) {
    const said = server?.exited ? `; the server ended: ${server.said()}` : '';
    return { error: `${error.message}${said}` };
  } finally {
    load?.stop();
    await server?.stop();
  }
}

/** Makes calls, and counts the CPU time that the server spends on each. */
export async function callsWithCpu(server, load, options) {
  let before;
  let after;
  const result = await load.send('calls', options, {
    begin: () => {
      before = server.cpuSeconds();
    },
    end: () => {
      after = server.cpuSeconds();
    },
  });
  return { ...result, cpuMicroseconds: ((after - before) * 1e6) / result.calls };
}

export function sleep(seconds) {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}
