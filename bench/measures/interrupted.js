import { setTimeout as wait } from 'node:timers/promises';
import { connectClient, startLoad } from '../../scripts/restart-load.js';
import { startProxy } from '../proxy.js';
import { startServer } from '../server-process.js';

/** Half of them of each major version of the SDK, unmodified. */
const clients = 20;
const callMs = 1500;
/** Milliseconds after which a call without an answer is lost. */
const patience = 10_000;

/**
 * Calls that are lost when all event streams are cut at once, and when the server is stopped by SIGTERM and started again
 * behind a proxy that waits for it. A call that is refused is made again, and is not lost if that succeeds.
 */
export async function measureInterrupted(subject, { seconds }) {
  const slow = {
    ...subject,
    directory: subject.slowDirectory ?? subject.directory,
    env: { ...subject.env, SLOW_ECHO_MS: callMs },
  };
  try {
    const [cut, restart] = await Promise.all([
      behindProxy(slow, cutStreams),
      behindProxy({ ...slow, id: `${subject.id}-restarted` }, (front) => restartServer(front, seconds)),
    ]);
    return { cut, restart };
  } catch (error) {
    return { error: error.message };
  }
}

async function behindProxy(subject, measure) {
  let server = await startServer(subject);
  const proxy = await startProxy(server.port);
  const restart = async () => {
    // One that does not stop is killed, as by systemd.
    await Promise.race([server.endBy('SIGTERM'), wait(patience)]);
    await server.stop();
    server = await startServer({ ...subject, port: server.port });
  };
  try {
    return await measure({ proxy, restart, headers: subject.callers[0].headers });
  } finally {
    proxy.close();
    await server.stop();
  }
}

async function cutStreams({ proxy, headers }) {
  const connected = await Promise.all(
    Array.from({ length: clients }, (_, index) => connectClient(1 + (index % 2), proxy.origin, headers)),
  );
  const answered = connected.map(async (client, index) => {
    const text = `call ${index}`;
    const params = { name: 'echo', arguments: { text } };
    const { content } = await client.callTool(params, undefined, { timeout: patience });
    if (content[0].text !== text) throw new Error("another call's reply");
  });
  await wait(callMs / 2);
  proxy.cut();
  const outcomes = await Promise.allSettled(answered);
  await Promise.all(connected.map((client) => client.close()));
  return { calls: clients, lost: outcomes.filter(({ status }) => status === 'rejected').length };
}

async function restartServer({ proxy, restart, headers }, seconds) {
  const load = await startLoad({
    origin: proxy.origin,
    headers,
    clients,
    callsPerSecond: clients / 2,
    patience,
    call: (number) => ({ name: 'echo', arguments: { text: `call ${number}` }, text: `call ${number}` }),
  });
  await wait(2 * callMs); // Until calls of all ages run.
  const startedAt = performance.now();
  await restart();
  const restartSeconds = (performance.now() - startedAt) / 1000;
  await wait(seconds * 1000);
  const { calls, answered, refused } = await load.finish();
  return { calls, lost: calls - answered, refused, restartSeconds };
}
