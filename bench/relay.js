// Measures the Redis relay beside a server without it: what a call costs that arrives at the process of its session,
// what one costs that arrives at another, and what Redis has to do as sessions grow. Prints the tables of docs/relay.md,
// says whether the targets are met, and writes results/relay.json.
//
//   npm run build && node bench/relay.js             about seven minutes on two cores
//   npm run build && node bench/relay.js --quick     a first impression; what is published stays as it is
//
// Needs redis-server, and Linux for what is read from /proc.
import { writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join, resolve } from 'node:path';
import { createClient } from '@redis/client';
import { completeAnswers, render } from '../dist/index.js';
import { compileProject } from '../scripts/compile-project.js';
import { startLoad } from './load-process.js';
import { machine, toJson } from './machine.js';
import { startServer } from './server-process.js';
import { spread, summarise } from './statistics.js';

const quick = process.argv.includes('--quick');
const rounds = quick ? 1 : 5;
const seconds = quick ? 1 : 3;
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
  alone: { name: 'one process, no relay', relay: 'none', processes: 1, shift: 0 },
  local: { name: 'three processes, message at its session', relay: 'redis', processes: 3, shift: 0 },
  foreign: { name: 'three processes, message at another', relay: 'redis', processes: 3, shift: 1 },
};

const startedAt = performance.now();
try {
  const results = {
    date: new Date().toISOString(),
    machine: { ...machine(), redis: await redisVersion() },
    rounds,
    seconds,
  };
  const records = Object.fromEntries(Object.keys(ways).map((id) => [id, []]));
  for (let round = 0; round < rounds; round++) {
    // In turn, so that what else the machine does meets all of them.
    for (const [id, way] of Object.entries(ways)) {
      records[id].push(await measureCalls(way));
      console.error(`round ${round + 1} of ${rounds}: ${way.name}`);
    }
  }
  results.calls = Object.fromEntries(Object.entries(records).map(([id, record]) => [id, summarise(record)]));
  results.localCost = await measureLocalCost();
  results.growth = await measureGrowth();
  results.targets = evaluateTargets(records, results.localCost);
  results.loadAverageAtEnd = loadavg()[0];
  results.minutes = (performance.now() - startedAt) / 60_000;

  const { cpu, cores, node, redis: version, loadAverageAtStart } = results.machine;
  console.log(
    `${cores} × ${cpu}, Node ${node}, Redis ${version}, load ${loadAverageAtStart.toFixed(1)} before\n`,
  );
  printCalls(results.calls);
  printGrowth(results.growth);
  printTargets(results.targets);
  if (!quick) save(results);
} finally {
  client.destroy();
  await redis.stop();
}

async function redisVersion() {
  return /redis_version:(\S+)/.exec(await client.info('server'))[1];
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

/**
 * What the relay adds to the CPU time of a call that arrives at its session's process: a few percent at most, which is
 * less than two processes or two moments differ. So two processes take turns of a second and a half, and that several times.
 */
async function measureLocalCost() {
  const ratios = [];
  for (let round = 0; round < rounds; round++) {
    const servers = await Promise.all(['none', 'redis'].map((relay) => startNode(relay, 0)));
    const loads = await Promise.all(servers.map(({ port }) => startLoad({ port, callers: credentials })));
    try {
      const turns = servers.map(() => []);
      const call = (index, options) =>
        callsWithCpu([servers[index]], loads[index], { sessions: 100, rate: 1000, ...options });
      for (const index of [0, 1]) {
        await loads[index].send('open', { total: 100 });
        await call(index, { seconds: 0, warmup: 3 }); // Compiles what is hot; not counted.
      }
      for (let turn = 0; turn < 12; turn++) {
        turns[turn % 2].push((await call(turn % 2, { seconds: seconds / 2, warmup: 0.2 })).cpuMicroseconds);
      }
      const [without, withRelay] = turns.map((turn) => spread(turn).median);
      ratios.push(withRelay / without);
      console.error(`cost of a local call ${round + 1} of ${rounds}`);
    } finally {
      for (const load of loads) load.stop();
      await Promise.all(servers.map((server) => server.stop()));
    }
  }
  return spread(ratios);
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

/**
 * What this project sets itself. Each round has all three ways right after one another, so they are compared within a
 * round, and the median of that counts.
 */
function evaluateTargets({ alone, foreign }, localCost) {
  const compare = (measure) => spread(alone.map((_, round) => measure(round)));
  const slower = (rate) => (round) => foreign[round][rate].p50 - alone[round][rate].p50;
  return [
    {
      name: 'ms that a call at another process takes longer, p50 at 200/s',
      limit: 1.5,
      ...compare(slower('at200')),
    },
    { name: 'the same at 1,000/s', limit: 1.5, ...compare(slower('at1000')) },
    { name: 'CPU of a call at its session, of one without the relay', limit: 1.05, ...localCost },
  ].map((target) => ({ ...target, met: target.median <= target.limit }));
}

function printCalls(results) {
  console.log(
    '| | p50 ms at 200 calls/s | p50 ms at 1,000/s | p99 ms at 1,000/s | CPU µs/call | Redis µs/call | calls/s flat out |',
  );
  console.log('|---|---|---|---|---|---|---|');
  for (const [id, { at200, at1000, flatOut }] of Object.entries(results)) {
    const columns = [at200.p50, at1000.p50, at1000.p99].map((value) => inWords(value, 2));
    const redisMicroseconds = id === 'alone' ? '–' : inWords(at1000.redisMicroseconds);
    columns.push(inWords(at1000.cpuMicroseconds), redisMicroseconds, inWords(flatOut));
    console.log(`| ${ways[id].name} | ${columns.join(' | ')} |`);
  }
}

function printGrowth(rows) {
  console.log(
    '\n| sessions | subscriptions | Redis memory KB | Redis commands for each relayed call | process KB for each session | p50 ms, message at another process |',
  );
  console.log('|---|---|---|---|---|---|');
  for (const { sessions, subscriptions, redisKb, commandsPerCall, processKb, p50 } of rows) {
    const columns = [sessions.toLocaleString('en'), subscriptions, Math.round(redisKb).toLocaleString('en')];
    columns.push(commandsPerCall.toFixed(2), processKb.toFixed(0), p50.toFixed(2));
    console.log(`| ${columns.join(' | ')} |`);
  }
}

function printTargets(targets) {
  console.log();
  for (const { name, limit, met, ...values } of targets) {
    console.log(`${met ? 'met    ' : 'NOT MET'} ${name}: ${inWords(values, 2)}, at most ${limit}`);
  }
}

/** Median (least–greatest) of the rounds. */
function inWords({ median, min, max }, digits = 0) {
  const format = (value) =>
    value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return `${format(median)} (${format(min)}–${format(max)})`;
}

function save(results) {
  const file = join(import.meta.dirname, 'results/relay.json');
  writeFileSync(file, toJson(results));
  console.log('\nwritten: bench/results/relay.json');
}

/** What Redis holds and does as sessions grow, with two processes. @returns a row for each number of sessions */
async function measureGrowth() {
  const [own, other] = await Promise.all([startNode('redis', 0), startNode('redis', 1)]);
  const load = await startLoad({ port: own.port, callers: credentials });
  const rows = [];
  try {
    // As bench/measures/sessions.js does: what is loaded and compiled for the first sessions belongs to none of them, and
    // memory is read before any call, whose garbage would leave room for sessions.
    await load.send('open', { total: 50 });
    await load.send('close', { keep: 0 });
    await sleep(1);
    const emptyKb = own.memoryKb();
    for (const sessions of sessionCounts) {
      await load.send('open', { total: sessions });
      await sleep(1.5);
      const processKb = (own.memoryKb() - emptyKb) / sessions;
      const subscriptions = (await client.pubSubChannels('*')).length;
      const redisKb = Number(/used_memory:(\d+)/.exec(await client.info('memory'))[1]) / 1024;
      rows.push({ sessions, subscriptions, redisKb, processKb });
    }

    await load.send('target', { host: '127.0.0.1', port: other.port, path: '/sse', callers: credentials });
    const active = { sessions: 100, rate: 200 };
    await load.send('calls', { ...active, rate: 1000, seconds: 0, warmup: 3 }); // Compiles what is hot; not counted.
    for (const row of [...rows].reverse()) {
      await load.send('close', { keep: row.sessions });
      await sleep(1);
      const before = await commandCount();
      const { p50, calls } = await load.send('calls', { ...active, seconds, warmup: 0 });
      row.commandsPerCall = ((await commandCount()) - before) / calls;
      row.p50 = p50;
    }
  } finally {
    load.stop();
    await Promise.all([own.stop(), other.stop()]);
  }
  return rows;
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
  const health = () => fetch(`http://127.0.0.1:${server.port}/health`).then((answer) => answer.json());
  while ((await health()).relay) await sleep(0.02); // Redis is not there yet.
  return server;
}

/** Makes and compiles a project, with this repository's dependencies. @returns its directory */
async function makeProject(relay) {
  const directory = join(root, '.rendered/bench-relay', relay);
  const setting = { cwd: '/', packageManager: 'npm' };
  const answers = completeAnswers({ directory: 'bench', auth: 'apikey', relay }, setting);
  compileProject(directory, await render(answers, { secret: '' }));
  return directory;
}

function sleep(seconds) {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}
