import { callsWithCpu, underLoad } from './under-load.js';

const others = 50;
/** 25 MB for the one session: well over the 4 MB that the kernel takes for a reader that does not read. */
const flood = { bytes: 256 * 1024, perSecond: 40 };

/**
 * What a reader that does not read does to the others: their latency beside it, and beside one that reads the same
 * messages; how much memory the server then holds; and whether it cut the reader off.
 */
export async function measureSlowReader(subject, { seconds }) {
  const besideReader = await besideFlood(subject, seconds, true);
  const besideSlowReader = await besideFlood(subject, seconds, false);
  const error = besideReader.error ?? besideSlowReader.error;
  return error ? { error } : { besideReader, besideSlowReader };
}

function besideFlood(subject, seconds, reads) {
  return underLoad(subject, async (server, load) => {
    await load.send('open', { total: others + 1 });
    await load.send('calls', { sessions: others, rate: 500, seconds: 0, warmup: 1 });
    const before = server.memoryKb();
    const flooding = load.send('flood', { ...flood, count: flood.perSecond * (seconds + 1.5), reads });
    const { p50, p99, p999 } = await callsWithCpu(server, load, {
      sessions: others,
      rate: 500,
      seconds,
      warmup: 1,
    });
    const heldMb = (server.memoryKb() - before) / 1024;
    return { p50, p99, p999, heldMb, ...(await flooding) };
  });
}
