// Measures generated servers and the command beside what a user would pick instead, and writes the results:
//
//   npm run bench                    everything, under 30 minutes on two cores
//   npm run bench -- --quick         a first impression, under 4 minutes; what is published stays as it is
//   npm run bench -- --only calls    some measures only, separated by commas; `plan` below has their names
//   npm run bench -- --projects DIR  keeps the generated projects there, and uses them again
//
// Needs Linux: CPU time and memory are read from /proc.
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { machine, toJson } from './machine.js';
import { measureAttacked } from './measures/attacked.js';
import { measureCalls } from './measures/calls.js';
import { allGenerators, measureGenerator } from './measures/generators.js';
import { measureInstalled } from './measures/installed.js';
import { measureInterrupted } from './measures/interrupted.js';
import { measureLargeMessages } from './measures/large-messages.js';
import { measureNodeVersion, onNodeVersions } from './measures/node-versions.js';
import { measureProfile } from './measures/profile.js';
import { measureSessions } from './measures/sessions.js';
import { measureSlowReader } from './measures/slow-reader.js';
import { measureStart } from './measures/start.js';
import { measureWaiting } from './measures/waiting.js';
import { readCpuTimes, spreadPercent, stealPercent } from './noise.js';
import { makeProjects, packCommand } from './projects.js';
import { writeReport } from './report/report.js';
import { allServers } from './servers.js';
import { summarise } from './statistics.js';
import { evaluateTargets } from './targets.js';

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    projects: { type: 'string' },
  },
});
const { quick } = options;
const startedAt = performance.now();
const log = (text) =>
  console.log(`${String(Math.round((performance.now() - startedAt) / 1000)).padStart(5)} s  ${text}`);

/** Custom and none have the transport of the other two, only who may call differs; that of sdk-v2-bare nobody would use. */
const worthIt = ({ id }) => !['custom', 'none', 'sdk-v2-bare'].includes(id);
const overSse = (server) => worthIt(server) && eachServer(server);
const aFew = ({ id }) => ['apikey', 'mcp-framework', 'sdk-v1-express', 'floor'].includes(id);

/** The same server over the other transport: what does not depend on that is measured once. */
const eachServer = ({ id }) => id !== 'apikey-mcp';

/** Ours once, and what users would pick instead: no floor. */
const besidePeers = ({ id, ours, floor }) => id === 'apikey' || (!ours && !floor);

/** What there is to explain: what we cost over the SDK, and that over nothing. */
const ofTheBound = ({ id }) => ['apikey', 'sdk-v2-bare', 'floor'].includes(id);

/** What is measured, and with what, in a full run and in a quick one. The spread of `headline` over the rounds says how noisy it was. */
const plan = {
  start: {
    rounds: quick ? 2 : 5,
    measure: measureStart,
    only: eachServer,
    headline: ({ startMs }) => startMs,
  },
  calls: {
    rounds: quick ? 1 : 3,
    measure: measureCalls,
    with: { seconds: quick ? 0.7 : 1.5 },
    headline: ({ at3000 }) => at3000?.cpuMicroseconds,
  },
  sessions: {
    measure: measureSessions,
    with: quick
      ? { counts: [1000], idleSeconds: 1, seconds: 1 }
      : { counts: [100, 2000, 10_000], idleSeconds: 15, seconds: 2 },
    only: quick ? aFew : worthIt,
  },
  waiting: {
    rounds: quick ? 1 : 3,
    measure: measureWaiting,
    with: { total: 2000 },
    only: ({ id }) => id === 'apikey',
    headline: ({ waitingKb }) => waitingKb,
  },
  interrupted: { measure: measureInterrupted, with: { seconds: 5 }, only: besidePeers },
  attacked: { measure: measureAttacked, with: { seconds: 2 }, only: besidePeers },
  large: { measure: measureLargeMessages, with: { count: 20 }, only: overSse },
  slow: { measure: measureSlowReader, with: { seconds: 2 }, only: overSse },
  profile: { measure: measureProfile, with: { seconds: 4 }, only: ofTheBound },
  nodeVersions: { measure: measureNodeVersion, with: { seconds: 2 }, subjects: onNodeVersions },
  installed: { measure: measureInstalled, only: eachServer },
  generators: {
    rounds: 2,
    measure: measureGenerator,
    subjects: () => allGenerators(join(work, 'command')),
    headline: ({ answeredSeconds }) => answeredSeconds,
  },
};
const wanted =
  options.only?.split(',') ??
  (quick ? ['start', 'calls', 'sessions', 'waiting', 'installed'] : Object.keys(plan));
const complete = !quick && !options.only;

requireLinux();
if (loadavg()[0] > 0.7)
  log(`this machine is busy (load average ${loadavg()[0].toFixed(1)}): the figures will not be good`);
log('installing the peers');
installPeers();
log('making and building our servers');
const work = options.projects
  ? resolve(options.projects)
  : mkdtempSync(join(tmpdir(), 'create-mcp-sse-bench-'));
const servers = allServers(makeProjects(work, packCommand(join(work, 'packed'))));

const date = new Date().toISOString();
const results = { date, quick, machine: machine(), servers: servers.map(describe), measures: {}, noise: {} };
for (const name of wanted) {
  const {
    rounds = 1,
    measure,
    with: settings,
    only = () => true,
    subjects = (all) => all.filter(only),
    headline = () => undefined,
  } = plan[name];
  const before = readCpuTimes();
  results.measures[name] = await inRounds(name, subjects(servers), rounds, (subject) =>
    measure(subject, settings),
  );
  results.noise[name] = {
    stealPercent: stealPercent(before, readCpuTimes()),
    spreadPercent: spreadPercent(Object.values(results.measures[name]).map(headline)),
  };
  log(`${name}: ${noiseOf(results.noise[name])}`);
  save('partial.json'); // What is known so far, should the rest fail.
}
results.loadAverageAtEnd = loadavg()[0];
results.minutes = (performance.now() - startedAt) / 60_000;
results.targets = evaluateTargets(results);
save(complete ? 'full.json' : 'partial.json');
if (complete) writeReport(results);
printTargets(results.targets);
if (!options.projects) rmSync(work, { recursive: true });

function save(name) {
  const folder = join(import.meta.dirname, 'results');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), toJson(results));
  log(`written: results/${name}`);
}

/** Servers alternate, and each round begins with another one, so that what the machine does meanwhile hits all alike. */
async function inRounds(name, subjects, rounds, measure) {
  const records = new Map(subjects.map(({ id }) => [id, []]));
  for (let round = 0; round < rounds; round++) {
    const shift = Math.round((round * subjects.length) / rounds);
    for (const subject of [...subjects.slice(shift), ...subjects.slice(0, shift)]) {
      const record = await measure(subject);
      log(
        `${name} ${round + 1}/${rounds}  ${subject.name}${record.error ? `  FAILED: ${record.error}` : ''}`,
      );
      records.get(subject.id).push(record);
    }
  }
  return Object.fromEntries(subjects.map(({ id, name }) => [id, { name, ...summarise(records.get(id)) }]));
}

function noiseOf({ stealPercent, spreadPercent }) {
  const spread = spreadPercent === undefined ? '' : `, ${spreadPercent.toFixed(1)} % from round to round`;
  return `${stealPercent.toFixed(1)} % of CPU time stolen${spread}`;
}

function requireLinux() {
  if (!existsSync('/proc/self/schedstat'))
    throw new Error('the benchmark needs Linux, with /proc/<pid>/schedstat');
  const limit = Number(/Max open files\s+\d+\s+(\d+)/.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]);
  if (limit < 12_000)
    throw new Error(`10,000 sessions need 12,000 open files; the hard limit is ${limit} (ulimit -Hn)`);
}

/** Each peer in a tree of its own, as a user would have it. What is there and up to date is left alone. */
function installPeers() {
  const root = resolve(import.meta.dirname, '..');
  if (!existsSync(join(root, 'node_modules'))) execFileSync('npm', ['ci', '--silent'], { cwd: root });
  const peers = join(import.meta.dirname, 'peers');
  for (const directory of [import.meta.dirname, ...readdirSync(peers).map((name) => join(peers, name))]) {
    const lockfile = join(directory, 'package-lock.json');
    const installed = join(directory, 'node_modules/.package-lock.json');
    if (!existsSync(lockfile)) continue;
    if (existsSync(installed) && statSync(installed).mtimeMs > statSync(lockfile).mtimeMs) continue;
    execFileSync('npm', ['ci', '--silent', '--prefer-offline'], {
      cwd: directory,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  }
}

function describe({ id, name, version, ours, floor, dependencies }) {
  return { id, name, version, ours, floor, dependencies };
}

function printTargets(targets) {
  for (const { name, value, limit, met } of targets) {
    const verdict = met === undefined ? 'not measured' : met ? 'met' : 'NOT MET';
    console.log(
      `${verdict.padEnd(13)} ${name}: ${value === undefined ? '-' : value.toFixed(2)} (at most ${limit})`,
    );
  }
}
