import { sleep, underLoad } from './under-load.js';

/**
 * What a session costs while it waits without a stream, beside what it cost the same process with one: all streams are cut at
 * once, and no client comes back. Peers have no such sessions: theirs end with their streams.
 */
export function measureWaiting(subject, { total }) {
  const waitsLong = { ...subject, env: { ...subject.env, RESUME_SECONDS: '300' } };
  return underLoad(waitsLong, async (server, load) => {
    // As in sessions.js: what is loaded and compiled for the first sessions belongs to none of them.
    await load.send('open', { total: 50 });
    await load.send('close', { keep: 0 });
    await sleep(1);
    const empty = server.memoryKb();
    const kbEach = () => (server.memoryKb() - empty) / total;

    await load.send('open', { total });
    await sleep(1.5);
    const idleKb = kbEach();
    await load.send('cut');
    await sleep(1.5);
    const waitingKb = kbEach();
    const { sessions } = await (await fetch(`http://127.0.0.1:${server.port}/health`)).json();
    // The 50 first ones wait too.
    if (sessions < total) throw new Error(`of ${total} sessions ${sessions} wait`);
    return { idleKb, waitingKb };
  });
}
