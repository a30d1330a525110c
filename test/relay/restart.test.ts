import { expect, test } from 'vitest';
import { startLoad } from '../../scripts/restart-load.js';
import { alice, type Cluster, type Node, startCluster, startNode } from './support/cluster.js';

// Each process is restarted in turn while unmodified clients call: a short form of `scripts/rolling-restart.js`.

const settings = {
  RESUME_SECONDS: '30',
  SHUTDOWN_SECONDS: '15',
  TRUST_PROXY: '1',
  MAX_SESSIONS_PER_CLIENT: '1000',
  MAX_CALLS_PER_CLIENT: '1000',
};

function startCalls({ nginx }: Cluster) {
  return startLoad({
    origin: nginx.origin,
    headers: alice,
    clients: 20,
    callsPerSecond: 40,
    call: (number) => {
      const text = `call ${number}`;
      return { name: 'wait', arguments: { ms: (number * 379) % 3000, text }, text };
    },
  });
}

async function restart({ redis, nodes }: Cluster, node: Node, signal: NodeJS.Signals): Promise<void> {
  expect(await node.stop(signal)).toEqual(
    signal === 'SIGTERM' ? { code: 0, signal: null } : { code: null, signal },
  );
  const again = await startNode(node.id, redis, { ...settings, PORT: String(node.port) });
  nodes[nodes.indexOf(node)] = again;
}

test.each(['README', 'README, by node'] as const)(
  'when each process is restarted in turn behind nginx as in the %s, no call is lost and every client stays connected',
  async (configuration) => {
    const cluster = await startCluster(settings, configuration);
    const load = await startCalls(cluster);
    for (const node of [...cluster.nodes]) await restart(cluster, node, 'SIGTERM');
    const { calls, ...counts } = await load.finish();
    expect(counts, [...load.reasons].join('\n')).toMatchObject({
      answered: calls,
      failed: 0,
      silent: 0,
      wrong: 0,
      connected: 20,
    });
  },
  120_000,
);

test('when a process is killed, only its calls fail, with an error, and every client stays connected', async () => {
  const cluster = await startCluster(settings);
  const load = await startCalls(cluster);
  await new Promise((resolve) => setTimeout(resolve, 3000)); // Until calls of all lengths run.
  const running = load.running();
  await restart(cluster, cluster.nodes[0], 'SIGKILL');
  await new Promise((resolve) => setTimeout(resolve, 5000)); // Until its clients are back.
  const { calls, answered, failed, ...counts } = await load.finish();
  expect(counts, [...load.reasons].join('\n')).toMatchObject({ silent: 0, wrong: 0, connected: 20 });
  expect(answered + failed).toBe(calls);
  expect(failed).toBeLessThan(running);
}, 120_000);
