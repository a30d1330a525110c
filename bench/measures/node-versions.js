import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { spread } from '../statistics.js';
import { measureStart } from './start.js';
import { callsWithCpu, underLoad } from './under-load.js';

/** The newer ones that bench/package.json names, by major version. npm leaves them out where they do not run: they are for Linux on x64. */
const newer = ['22', '24', '26'].map((major) => [
  major,
  join(import.meta.dirname, `../node_modules/node-${major}/bin/node`),
]);

/** Our server with API keys and the floor, each on this Node.js and on the newer ones. */
export function onNodeVersions(servers) {
  const [own] = process.versions.node.split('.');
  const others = newer.filter(([major, binary]) => major !== own && existsSync(binary));
  const binaries = [[own, process.execPath], ...others];
  return servers
    .filter(({ id }) => id === 'apikey' || id === 'floor')
    .flatMap((server) =>
      binaries.map(([major, binary]) => ({
        ...server,
        id: `${server.id}-${major}`,
        name: `${server.name}, on Node.js ${major}`,
        command: [binary, ...server.command.slice(1)],
      })),
    );
}

/** The same figures as those of calls.js and start.js, each from one short run. */
export async function measureNodeVersion(subject, { seconds }) {
  const starts = [];
  for (let count = 0; count < 3; count++) starts.push(await measureStart(subject));
  const startMs = spread(starts.map((start) => start.startMs)).median;
  const calls = await underLoad(subject, async (server, load) => {
    await load.send('open', { total: 400 });
    const run = (options) => callsWithCpu(server, load, { sessions: 100, ...options });
    await run({ rate: 3000, seconds: 0, warmup: 1.5 }); // Compiles what is hot; not counted.
    return { at3000: await run({ rate: 3000, seconds }), flatOut: await run({ sessions: 400, seconds }) };
  });
  return { startMs, ...calls };
}
