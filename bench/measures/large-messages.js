import { underLoad } from './under-load.js';

/** The largest message that all take by default: 4 MB, of which a little is left for what surrounds the text. */
const bytes = 4 * 1024 * 1024 - 1024;

/** Round trips of a 4 MB message, and what memory they leave taken. */
export function measureLargeMessages(subject, { count }) {
  return underLoad(subject, async (server, load) => {
    await load.send('open', { total: 1 });
    await load.send('large', { bytes, count: 2 });
    const { p50, p99 } = await load.send('large', { bytes, count });
    return { p50, p99, memoryMb: server.memoryKb() / 1024 };
  });
}
