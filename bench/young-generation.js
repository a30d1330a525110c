// Measures what the size of V8's young generation does to a generated server: memory of idle sessions, and CPU time of calls
// that are small, of a tool that allocates much, and with large messages.
//
//   npm run build && node bench/young-generation.js            about six minutes on two cores
//   npm run build && node bench/young-generation.js --quick    a first impression
//
// Needs Linux: CPU time and memory are read from /proc.
import { rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { completeAnswers, render } from '../dist/index.js';
import { compileProject } from '../scripts/compile-project.js';
import { callsWithCpu, sleep, underLoad } from './measures/under-load.js';
import { allServers } from './servers.js';
import { spread } from './statistics.js';

const quick = process.argv.includes('--quick');
const rounds = quick ? 1 : 7;
const seconds = quick ? 0.7 : 3;
const idleSessions = 2000;

/** Megabytes; undefined is Node's own choice. */
const sizes = [undefined, 1, 2, 4, 8];

const MB = 1024 ** 2;
const root = resolve(import.meta.dirname, '..');

/** What is done with a server, by the row that it becomes. */
const measures = {
  'KB for each idle session': async (server, load) => {
    await load.send('open', { total: 50 });
    await load.send('close', { keep: 0 });
    await sleep(1);
    const empty = server.memoryKb();
    await load.send('open', { total: idleSessions });
    await sleep(1.5);
    return (server.memoryKb() - empty) / idleSessions;
  },
  'µs for a small call': (server, load) => cpuOfCalls(server, load, 3000),
  'µs for a call that allocates 2 MB': (server, load) => cpuOfCalls(server, load, 200),
  'ms for a message of 100 KB': (server, load) => cpuOfLarge(server, load, 0.1 * MB, 200),
  'ms for a message of 4 MB': (server, load) => cpuOfLarge(server, load, 4 * MB - 1024, 10),
};

async function cpuOfCalls(server, load, rate) {
  await load.send('open', { total: 100 });
  const options = { sessions: 100, rate };
  await callsWithCpu(server, load, { ...options, seconds: 0, warmup: seconds });
  return (await callsWithCpu(server, load, { ...options, seconds })).cpuMicroseconds;
}

async function cpuOfLarge(server, load, bytes, count) {
  await load.send('open', { total: 1 });
  await load.send('large', { bytes, count });
  const before = server.cpuSeconds();
  await load.send('large', { bytes, count });
  return ((server.cpuSeconds() - before) * 1000) / count;
}

/** @param allocates whether `echo` makes many objects before it answers */
async function makeProject(name, allocates) {
  const directory = join(root, `.rendered/young-generation-${process.pid}-${name}`);
  const answers = completeAnswers({ directory, name, auth: 'apikey' }, { cwd: root, packageManager: 'npm' });
  const files = await render(answers, { secret: 'unused', templates: join(root, 'templates') });
  const path = 'src/tools/echo.ts';
  const content = String(files.get(path)?.content);
  const changed = content.replace(
    'return {',
    'if (Array.from({ length: 20_000 }, (_, n) => ({ n, text })).length === 0) throw new Error();\n  return {',
  );
  if (changed === content) throw new Error(`${path} has changed`);
  if (allocates) files.set(path, { ...files.get(path), content: changed });
  compileProject(directory, files);
  return directory;
}

const plain = await makeProject('plain', false);
const allocating = await makeProject('allocating', true);
try {
  const results = new Map();
  for (let round = 0; round < rounds; round++) {
    // In turn, so that what else the machine does meets all of them.
    for (const size of sizes) {
      for (const [row, measure] of Object.entries(measures)) {
        const [subject] = allServers({ apikey: row.includes('allocates') ? allocating : plain });
        const flags = size === undefined ? [] : [`--max-semi-space-size=${size}`];
        const others = subject.command.slice(1).filter((flag) => !flag.startsWith('--max-semi-space-size'));
        const command = ['node', ...flags, ...others];
        const env = {
          ...subject.env,
          RATE_LIMIT: '0',
          MAX_CONNECTIONS_PER_ADDRESS: String(2 * idleSessions),
        };
        const figure = await underLoad({ ...subject, command, env }, measure);
        if (typeof figure !== 'number') throw new Error(`${row}, ${size} MB: ${figure.error}`);
        const key = `${row} ${size}`;
        results.set(key, [...(results.get(key) ?? []), figure]);
      }
    }
    console.error(`round ${round + 1} of ${rounds}`);
  }
  console.log(
    `| median of ${rounds} (least to greatest) | ${sizes.map((size) => (size ? `${size} MB` : 'default')).join(' | ')} |`,
  );
  console.log(`| --- |${' ---: |'.repeat(sizes.length)}`);
  for (const row of Object.keys(measures)) {
    const cells = sizes.map((size) => {
      const { median, min, max } = spread(results.get(`${row} ${size}`));
      return `${median.toFixed(1)} (${min.toFixed(1)}–${max.toFixed(1)})`;
    });
    console.log(`| ${row} | ${cells.join(' | ')} |`);
  }
} finally {
  for (const directory of [plain, allocating]) rmSync(directory, { recursive: true, force: true });
}
