// Loaded into a server before its own code (node --import): counts what the server does, and tells who asks.
import { createHook } from 'node:async_hooks';
import { Session } from 'node:inspector';
import { getHeapSpaceStatistics } from 'node:v8';

const started = { timers: 0, promises: 0 };
createHook({
  init(_id, type) {
    if (type === 'Timeout') started.timers++;
    else if (type === 'PROMISE') started.promises++;
  },
}).enable();

const inspector = new Session();
inspector.connect();
inspector.post('Profiler.enable');
inspector.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });

/** Calls of JavaScript functions since the last time, Node's own included. */
function functionCalls() {
  let calls = 0;
  inspector.post('Profiler.takePreciseCoverage', (error, { result }) => {
    if (error) throw error;
    for (const { url, functions } of result) {
      if (url === import.meta.url || url === 'node:internal/async_hooks') continue;
      for (const { ranges } of functions) calls += ranges[0].count;
    }
  });
  return calls;
}

/** Bytes in the space that all but very large objects are made in. It is emptied before, so that it only grows. */
function bytes() {
  const young = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space');
  return young.space_used_size;
}

process.on('message', (empty) => {
  const calls = functionCalls();
  if (empty) globalThis.gc();
  process.send({ functionCalls: calls, ...started, bytes: bytes() });
});
process.channel.unref();
