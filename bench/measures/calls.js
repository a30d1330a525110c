import { callsWithCpu, underLoad } from './under-load.js';

const sessions = 100;
/** For the highest rates: as many callers, so that no limit for one of them is met. */
const manySessions = 400;

/** Milliseconds within which 99 of 100 replies must come for a rate to count as sustained. */
const sustainedP99 = 50;

/** CPU time and latency of a tool call at fixed rates, flat out, and at the highest rate that can be kept up. */
export function measureCalls(subject, { seconds }) {
  return underLoad(subject, async (server, load) => {
    await load.send('open', { total: manySessions });
    const calls = (options) => callsWithCpu(server, load, { sessions, ...options });

    await calls({ rate: 3000, seconds: 0, warmup: seconds }); // Compiles what is hot; not counted.
    const at500 = await calls({ rate: 500, seconds });
    const at3000 = await calls({ rate: 3000, seconds });
    const flatOut = await calls({ sessions: manySessions, seconds });
    const highest = await highestRate(calls, flatOut.callsPerSecond, seconds);
    return { at500, at3000, flatOut, highest };
  });
}

async function highestRate(calls, limit, seconds) {
  for (const share of [0.95, 0.9, 0.8, 0.7, 0.6, 0.5]) {
    const rate = Math.floor(limit * share);
    const result = await calls({ sessions: manySessions, rate, seconds: seconds / 2, warmup: 0.3 });
    const keptUp = result.callsPerSecond >= 0.98 * rate && result.p99 <= sustainedP99;
    if (keptUp && result.errors === 0 && result.unanswered === 0) return { rate, ...result };
  }
  return { error: `no rate from half of ${Math.round(limit)} calls/s on was kept up` };
}
