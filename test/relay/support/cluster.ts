import { onTestFinished } from 'vitest';
import { callTool, eventually, openStream, type Stream, send } from '../../templates/support/client.js';
import { type RunningServer, startTestServer } from '../../templates/support/server.js';
import { type Configuration, type Nginx, startNginx } from './nginx.js';
import { type Redis, startRedis } from './redis.js';

const keys = {
  alice: 'a-key-that-only-alice-has-0123456789ab',
  bob: 'a-key-that-only-bob-has-0123456789abcd',
};
export const alice = { 'X-API-Key': keys.alice };
export const bob = { 'X-API-Key': keys.bob };

export interface Cluster {
  redis: Redis;
  /** `a`, `b` and `c`, by which session ids begin. */
  nodes: [Node, Node, Node];
  nginx: Nginx;
}

export type Node = RunningServer & { id: string };

/** Where something is undone: after a test, or after all tests of a file. */
type Undo = (stop: () => Promise<unknown>) => void;
const afterThisTest: Undo = (stop) => onTestFinished(async () => void (await stop()));

/** Three real server processes that share a real Redis, behind a real nginx that takes turns; for one test. */
export function startCluster(
  settings: Record<string, string> = {},
  configuration?: Configuration,
): Promise<Cluster> {
  return keepCluster(settings, afterThisTest, configuration);
}

/** The same for all tests of a file: `stop` is for `beforeAll` to return. */
export async function keepCluster(
  settings: Record<string, string>,
  undo?: Undo,
  configuration?: Configuration,
): Promise<Cluster & { stop(): Promise<void> }> {
  const stops: (() => Promise<unknown>)[] = [];
  const later = undo ?? ((stop) => stops.unshift(stop));
  const redis = await startRedis();
  later(() => redis.stop());
  const nodes = await Promise.all(['a', 'b', 'c'].map((id) => startNode(id, redis, settings, later)));
  const nginx = await startNginx(
    nodes.map(({ port }) => port),
    configuration,
  );
  later(() => nginx.stop());
  const stop = async () => {
    for (const each of stops) await each();
  };
  return { redis, nodes: nodes as Cluster['nodes'], nginx, stop };
}

/** Starts one process and waits until Redis knows it. */
export async function startNode(
  id: string,
  redis: Redis,
  settings: Record<string, string> = {},
  undo = afterThisTest,
): Promise<Node> {
  const node = await startUnreadyNode(id, redis.url, settings, undo);
  await connected(node);
  return node;
}

/** Starts one process that may never find its Redis; with a `JWT_SECRET` one that wants tokens. */
export async function startUnreadyNode(
  id: string,
  redisUrl: string,
  settings: Record<string, string> = {},
  undo = afterThisTest,
): Promise<Node> {
  const server = await startTestServer('JWT_SECRET' in settings ? 'jwt' : 'apikey', {
    API_KEY: `alice:${keys.alice},bob:${keys.bob}`,
    LOG_FORMAT: 'json',
    NODE_ID: id,
    REDIS_URL: redisUrl,
    ...settings,
  });
  undo(() => server.stop('SIGKILL'));
  return { ...server, id };
}

/** What /health says; it has to answer 200 whatever happens to Redis. */
export async function health(node: { port: number }): Promise<{ status: string; relay?: string }> {
  const { status, body } = await send(node, 'GET', '/health');
  if (status !== 200) throw new Error(`/health answered ${status}: ${body}`);
  return JSON.parse(body);
}

/** Resolves when these processes reach each other by way of Redis. */
export async function connected(...nodes: Node[]): Promise<void> {
  await Promise.all(
    nodes.map((node) =>
      eventually(
        () => health(node),
        ({ relay }) => relay === undefined,
        15_000,
      ),
    ),
  );
}

/** Resolves when this process knows that Redis is out of reach. */
export async function cutOff(node: Node): Promise<void> {
  await eventually(
    () => health(node),
    ({ relay }) => relay === 'Redis is out of reach',
    15_000,
  );
}

/** Opens a session on one process, or wherever the proxy puts it. */
export function openSession(
  server: { port: number },
  headers: Record<string, string> = alice,
): Promise<Stream> {
  return openStream(server, { headers });
}

export const echo = (id: number, text: string) => callTool(id, 'echo', { text });
