import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { callsWithCpu, underLoad } from './under-load.js';

const hook = join(import.meta.dirname, 'profile-hook.js');

/** Where a server spends its time at 3,000 calls a second: percent of the samples in which it did something. */
export async function measureProfile(subject, { seconds }) {
  const directory = mkdtempSync(join(tmpdir(), 'create-mcp-sse-bench-profile-'));
  const file = join(directory, 'profile.json');
  const [node, ...rest] = subject.command;
  const profiled = {
    ...subject,
    command: [node, '--import', hook, ...rest],
    env: { ...subject.env, PROFILE_FILE: file },
  };
  try {
    const failed = await underLoad(profiled, async (server, load) => {
      await load.send('open', { total: 100 });
      const calls = (options) => callsWithCpu(server, load, { sessions: 100, rate: 3000, ...options });
      await calls({ seconds: 0, warmup: 3 }); // Compiles what is hot; not counted.
      server.signal('SIGUSR2');
      await calls({ seconds });
      await server.endBy('SIGTERM');
    });
    if (failed) return failed;
    return { shares: sharesOf(JSON.parse(readFileSync(file, 'utf8'))) };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function sharesOf({ nodes, samples, timeDeltas }) {
  const usesZod = nodes.some(({ callFrame }) => callFrame.url.includes('/zod/'));
  const areas = new Map(nodes.map(({ id, callFrame }) => [id, areaOf(callFrame, usesZod)]));
  const spent = {};
  let total = 0;
  for (const [index, id] of samples.entries()) {
    const area = areas.get(id);
    if (area === 'idle') continue;
    spent[area] = (spent[area] ?? 0) + timeDeltas[index];
    total += timeDeltas[index];
  }
  return Object.fromEntries(Object.entries(spent).map(([area, time]) => [area, (100 * time) / total]));
}

/** Functions of Node's core through which bytes go to the kernel. */
const writes = new Set(['writev', 'writeUtf8String', 'writeLatin1String', 'writeAsciiString', 'writeBuffer']);

function areaOf({ functionName, url }, usesZod) {
  if (functionName === '(idle)') return 'idle';
  if (functionName === '(garbage collector)') return 'garbage collection';
  if (url === '' && writes.has(functionName)) return 'socket writes';
  if (url.includes('/@modelcontextprotocol/')) return 'SDK';
  if (url.includes('/zod/')) return 'zod';
  if (usesZod && url === '' && functionName === '') return 'zod'; // What it compiles for a schema.
  if (url.includes('/node_modules/')) return 'other packages';
  if (url.startsWith('file:')) return 'own code';
  return 'Node.js';
}
