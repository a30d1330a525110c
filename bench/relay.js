// Measures the Redis relay beside a server without it: what a call costs that arrives at the process of its session,
// what one costs that arrives at another, and what Redis has to do as sessions grow. Prints a table for docs/relay.md.
//
//   npm run build && node bench/relay.js             about six minutes on two cores
//   npm run build && node bench/relay.js --quick     a first impression
//
// Needs redis-server, and Linux for what is read from /proc.
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, loadavg } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createClient } from '@redis/client';
import { completeAnswers, render, templatesFolder } from '../dist/index.js';
import { startLoad } from './load-process.js';
import { startServer } from './server-process.js';
import { summarise } from './statistics.js';

const quick = process.argv.includes('--quick');
const rounds = quick ? 1 : 5;
const seconds = quick ? 1 : 4;
const sessionCounts = quick ? [100, 1000] : [100, 1000, 10_000];

const root = resolve(import.meta.dirname, '..');
/** Each of the sessions that call has its own. */
const callers = Array.from({ length: 400 }, (_, index) => `key-of-caller-${index}-0123456789`);
const apiKeys = callers.map((key, index) => `caller-${index}:${key}`).join(',');
const credentials = callers.map((key) => ({ headers: { 'X-API-Key': key } }));

const directories = { none: await makeProject('none'), redis: await makeProject('redis') };
const redis = await startServer({
  id: 'redis',
  command: ['redis-server', '--port', '{port}', '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'],
});
const redisUrl = `redis://127.0.0.1:${redis.port}`;
const client = await createClient({ url: redisUrl }).connect();

/** Where the streams are, and where the messages go. */
const ways = {
  'one process, no relay': { relay: 'none', processes: 1, shift: 0 },
  'relay, message at its session': { relay: 'redis', processes: 3, shift: 0 },
  'relay, message at another process': { relay: 'redis', processes: 3, shift: 1 },
};

try {
  console.log(
    `Node ${process.version}, ${cpus().length} × ${cpus()[0].model}, load ${loadavg()[0].toFixed(1)} before\n`,
  );
  const records = Object.fromEntries(Object.keys(ways).map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    // In turn, so that what else the machine does meets all of them.
    for (const [name, way] of Object.entries(ways)) {
      records[name].push(await measureCalls(way));
      console.error(`round ${round + 1} of ${rounds}: ${name}`);
    }
  }
  printCalls(Object.fromEntries(Object.entries(records).map(([name, record]) => [name, summarise(record)])));
  await measureGrowth();
} finally {
  client.destroy();
  await redis.stop();
}

/** Latency and CPU time of a call at two rates, and calls a second flat out with all processes. */
async function measureCalls(way) {
  const servers = await Promise.all(
    Array.from({ length: way.processes }, (_, index) => startNode(way.relay, index)),
  );
  const loads = await Promise.all(servers.map(({ port }) => startLoad({ port, callers: credentials })));
  try {
    const targetOf = (index) => servers[(index + way.shift) % servers.length].port;
    for (const [index, load] of loads.entries()) {
      await load.send('open', { total: 100 });
      await load.send('target', {
        host: '127.0.0.1',
        port: targetOf(index),
        path: '/sse',
        callers: credentials,
      });
    }
    const call = (load, options) =>
      callsWithCpu(servers.slice(0, 1 + way.shift), load, { sessions: 100, seconds, ...options });

    await call(loads[0], { rate: 1000, seconds: 0, warmup: 3 }); // Compiles what is hot; not counted.
    const at200 = await call(loads[0], { rate: 200 });
    const at1000 = await call(loads[0], { rate: 1000 });
    const flatOut = await Promise.all(loads.map((load) => load.send('calls', { sessions: 50, seconds })));
    for (const result of [at200, at1000, ...flatOut]) {
      if (result.errors || result.unanswered)
        throw new Error(`calls failed: ${result.firstError ?? 'no reply'}`);
    }
    return { at200, at1000, flatOut: flatOut.reduce((sum, { callsPerSecond }) => sum + callsPerSecond, 0) };
  } finally {
    for (const load of loads) load.stop();
    await Promise.all(servers.map((server) => server.stop()));
  }
}

/** Makes calls, and counts the CPU time that the processes they go through spend on each, and Redis. */
async function callsWithCpu(servers, load, options) {
  const spent = () => [servers.reduce((sum, server) => sum + server.cpuSeconds(), 0), redis.cpuSeconds()];
  let before;
  let after;
  const on = {
    begin: () => {
      before = spent();
    },
    end: () => {
      after = spent();
    },
  };
  const result = await load.send('calls', options, on);
  const [cpuMicroseconds, redisMicroseconds] = after.map(
    (seconds, index) => ((seconds - before[index]) * 1e6) / result.calls,
  );
  return { ...result, cpuMicroseconds, redisMicroseconds };
}

function printCalls(results) {
  const number = ({ median, min, max }, digits = 0) =>
    `${median.toFixed(digits)} (${min.toFixed(digits)}–${max.toFixed(digits)})`;
  console.log(
    '| median of rounds (least–greatest) | p50 ms at 200/s | p50 ms at 1,000/s | p99 ms at 1,000/s | CPU µs/call | Redis µs/call | calls/s flat out |',
  );
  console.log('|---|---|---|---|---|---|---|');
  for (const [name, { at200, at1000, flatOut }] of Object.entries(results)) {
    const columns = [at200.p50, at1000.p50, at1000.p99].map((value) => number(value, 2));
    columns.push(number(at1000.cpuMicroseconds), number(at1000.redisMicroseconds), number(flatOut));
    console.log(`| ${name} | ${columns.join(' | ')} |`);
  }
}

/** What Redis holds and does as sessions grow, with two processes. */
async function measureGrowth() {
  const [own, other] = await Promise.all([startNode('redis', 0), startNode('redis', 1)]);
  const load = await startLoad({ port: own.port, callers: credentials });
  console.log(
    '\n| sessions | subscriptions | Redis memory KB | commands/call | process KB/session | p50 ms, other process |',
  );
  console.log('|---|---|---|---|---|---|');
  const emptyKb = own.memoryKb();
  for (const total of sessionCounts) {
    await load.send('target', { host: '127.0.0.1', port: own.port, path: '/sse', callers: credentials });
    await load.send('open', { total });
    await load.send('target', { host: '127.0.0.1', port: other.port, path: '/sse', callers: credentials });
    const before = await commandCount();
    const { p50, calls } = await load.send('calls', { sessions: 100, rate: 200, seconds, warmup: 0 });
    const commands = ((await commandCount()) - before) / calls;
    const subscriptions = (await client.pubSubChannels('*')).length;
    const redisKb = Number(/used_memory:(\d+)/.exec(await client.info('memory'))[1]) / 1024;
    const perSession = (own.memoryKb() - emptyKb) / total;
    console.log(
      `| ${total.toLocaleString('en')} | ${subscriptions} | ${redisKb.toFixed(0)} | ${commands.toFixed(2)} | ${perSession.toFixed(0)} | ${p50.toFixed(2)} |`,
    );
  }
  load.stop();
  await Promise.all([own.stop(), other.stop()]);
}

/** Commands of clients, without those that a script runs inside Redis and those of this script. */
async function commandCount() {
  const stats = await client.info('commandstats');
  return ['publish', 'eval'].reduce(
    (sum, name) => sum + Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0),
    0,
  );
}

async function startNode(relay, index) {
  // Messages are counted as always, but none is over the limit.
  const env = { API_KEY: apiKeys, RATE_LIMIT: '100000', REDIS_URL: redisUrl, NODE_ID: `node-${index}` };
  const server = await startServer({
    id: `${relay}-${index}`,
    command: ['node', 'dist/main.js'],
    directory: directories[relay],
    env,
  });
  const healthy = () => fetch(`http://127.0.0.1:${server.port}/health`).then(({ ok }) => ok);
  while (!(await healthy())) await new Promise((resolve) => setTimeout(resolve, 20));
  return server;
}

/** Makes and compiles a project, with this repository's dependencies. @returns its directory */
async function makeProject(relay) {
  const directory = join(root, '.rendered/bench-relay', relay);
  rmSync(directory, { recursive: true, force: true });
  const setting = { cwd: '/', packageManager: 'npm' };
  const answers = completeAnswers({ directory: 'bench', auth: 'apikey', relay }, setting);
  for (const [path, { content }] of await render(answers, { secret: '', templates: templatesFolder })) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), content);
  }
  const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');
  execFileSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: directory, stdio: 'inherit' });
  return directory;
}
