import { callsWithCpu, sleep, underLoad } from './under-load.js';

/** Sessions that make the calls while the others are idle. */
const active = 50;

/**
 * What idle sessions cost: memory, CPU time while nothing happens, how fast they are opened, and what a call costs
 * beside them. `counts` rise.
 *
 * @param idleSeconds best the 15 s in which each of our sessions is sent one keep-alive
 */
export function measureSessions(subject, { counts, idleSeconds, seconds }) {
  return underLoad(subject, async (server, load) => {
    // What is loaded and compiled for the first sessions belongs to none of them. No calls yet: they would leave garbage,
    // whose place the sessions then took, and the difference would show too little.
    await load.send('open', { total: active });
    await load.send('close', { keep: 0 });
    await sleep(1);

    const empty = server.memoryKb();
    const memoryKb = {};
    let opened = 0;
    let openingSeconds = 0;
    for (const total of counts) {
      const result = await load.send('open', { total });
      opened += result.opened;
      openingSeconds += result.seconds;
      await sleep(1.5);
      memoryKb[total] = (server.memoryKb() - empty) / total;
    }

    const cpuBefore = server.cpuSeconds();
    await sleep(idleSeconds);
    const idleCpuPercent = { [counts.at(-1)]: ((server.cpuSeconds() - cpuBefore) / idleSeconds) * 100 };

    const beside = {};
    await load.send('calls', { sessions: active, rate: 3000, seconds: 0, warmup: 2 });
    for (const total of [...counts].reverse().concat(active)) {
      await load.send('close', { keep: total });
      await sleep(1);
      beside[total === active ? 0 : total] = await callsWithCpu(server, load, {
        sessions: active,
        rate: 3000,
        seconds,
      });
    }
    return { memoryKb, openedPerSecond: opened / openingSeconds, idleCpuPercent, beside };
  });
}
