import { queryObjects } from 'node:v8';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../templates/support/client.js';
import { importFrom } from '../templates/support/projects.js';
import {
  laterTool,
  orders,
  type Processes,
  provider,
  type Server,
  settings,
  startRun,
} from '../templates/support/resuming-clients.js';
import { type Redis, startRedis } from './support/redis.js';

// The same as in one process, for three that share a Redis: streams, messages and answers may come to any of them, and
// one may stop at any time. All are in the process of the test, so that it can count what they leave behind.

/** Seconds that runs may take in all; RESUME_RUNS says how many there are instead. */
const seconds = 10;

/** Seconds for which Redis keeps what clients told a process that is gone. */
const resumeSeconds = 10;

type Node = Server & { id: string; close(): Promise<void> };

let redis: Redis;
/** What ends the calls that run, at whichever process. */
const { running, register } = laterTool();
const live: Node[] = [];
const modules: Record<string, Awaited<ReturnType<typeof importFrom>>> = {};

beforeAll(async () => {
  redis = await startRedis();
  for (const name of [
    'config.js',
    'mcp-server.js',
    'monitoring/metrics.js',
    'relay/connect.js',
    'relay/movable-session.js',
    'relay/remote-stream.js',
    'server.js',
    'sessions/event-stream.js',
    'settings/environment.js',
  ]) {
    modules[name] = await importFrom('apikey', name);
  }
  for (const id of ['a', 'b', 'c']) live.push(await startNode(id));
});
afterAll(async () => {
  await Promise.all(live.map((node) => node.close()));
  await redis.stop();
});

/** A process of the server, which has found Redis. */
async function startNode(id: string): Promise<Node> {
  const { Environment } = modules['settings/environment.js'];
  const env = new Environment({
    ...settings,
    PORT: '0',
    NODE_ID: id,
    REDIS_URL: redis.url,
    RESUME_SECONDS: String(resumeSeconds),
    SHUTDOWN_SECONDS: '1',
  });
  const config = modules['config.js'].loadConfig(env);
  env.finish();
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const others = modules['relay/connect.js'].connectToOthers(config, log);
  const server = modules['server.js'].createServer({
    config,
    provider,
    createMcpServer: (caller: unknown) =>
      register(modules['mcp-server.js'].createMcpServer({ app: {}, caller })),
    ...others,
    log,
    metrics: modules['monitoring/metrics.js'].createMetrics(),
  });
  await server.listen();
  await eventually(
    async () => others.relay.problem,
    (problem) => problem === undefined,
  );
  return Object.assign(server, { id, port: Number(new URL(server.url()).port) });
}

/** How many processes took the place of another. */
let others = 0;

/** The three processes, of which one at a time may stop. */
function threeProcesses(): Processes {
  let stopping: Node | undefined;
  let exchanged: Promise<void> | undefined;
  return {
    live,
    get stopping() {
      return stopping;
    },
    stop(which, hasSameName) {
      if (stopping !== undefined) return;
      const [node] = live.splice(which % live.length, 1) as [Node];
      stopping = node;
      others++;
      exchanged = node.close().then(async () => {
        live.push(await startNode(hasSameName ? node.id : `other${others}`));
        stopping = undefined;
      });
    },
    settled: async () => exchanged,
  };
}

/** What belongs to sessions, in all processes. It collects garbage, and so holds up everything for a second or two. */
function whatIsLeft(): string[] {
  const classes = [
    modules['relay/movable-session.js'].MovableSession,
    modules['sessions/event-stream.js'].EventStream,
    modules['relay/remote-stream.js'].RemoteStream,
  ];
  return classes.filter((one) => Number(queryObjects(one, { format: 'count' })) > 0).map(({ name }) => name);
}

test('whatever is cut, taken over and stopped at whichever process, everybody gets what is theirs, and nothing is left', {
  timeout: 1_000_000,
}, async () => {
  const given = Number(process.env.RESUME_RUNS);
  const until = given > 0 ? Number.POSITIVE_INFINITY : performance.now() + seconds * 1000;
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(orders('stop'), async (actions) => {
      if (performance.now() > until) return; // The time limit of fast-check would leave a run half done.
      const run = startRun(threeProcesses(), running);
      for (const each of actions) await run.do(each);
      await run.finish();
      runs++;
    }),
    { endOnFailure: true, numRuns: given || 1000 },
  );
  if (given > 0) console.log(`${runs} runs, ${others} processes exchanged`);

  expect(whatIsLeft()).toEqual([]);
  const client = await redis.connect();
  const kept = async () => [
    ...(await client.keys('test-server:told:*')),
    ...(await client.keys('test-server:calls:*')),
  ];
  // What is left of processes that are gone expires.
  await eventually(kept, ({ length }) => length === 0, (resumeSeconds + 5) * 1000);
  client.destroy();
});
