import { expect, test } from 'vitest';
import { type Answer, callTool, eventually, post, send } from '../templates/support/client.js';
import { alice, type Cluster, echo, openSession, startCluster } from './support/cluster.js';

// What clients see through a proxy that takes turns when one of the processes fails that do not hold their session. What
// was answered 202 gets its reply, once; what was not may have run or not, and that is all that anybody can tell them.

test('a process that shuts down refuses its share with 503, and clients notice nothing once it has exited', async () => {
  const { nodes, nginx } = await startCluster();
  const [a, b] = nodes;
  const held = await openSession(a);
  await post(a, held.endpoint, callTool(1, 'wait', { ms: 2000 }), alice);
  const traffic = await startTraffic(nginx, b);

  const stopped = a.stop('SIGTERM');
  await a.logged({ msg: 'stopping' });
  const refused = await eventually(
    async () => traffic.others[0],
    (answer) => answer !== undefined,
  );
  expect(JSON.parse(refused?.body ?? '').error.code).toBe('shutting_down');
  const probes = await Promise.all(Array.from({ length: 6 }, () => send(nginx, 'GET', '/health')));
  expect(probes.map(({ status }) => status).sort()).toEqual([200, 200, 200, 200, 503, 503]);
  expect((await held.message(1)).result.content[0].text).toBe('waited');
  expect(await stopped).toEqual({ code: 0, signal: null });

  const statuses = await traffic.stop();
  statuses.delete(502); // What was on its way at the moment of the end.
  expect(statuses).toEqual(new Set([202, 503]));
  expect(traffic.others.filter(({ status }) => status === 502).length).toBeLessThanOrEqual(traffic.clients);
  expect(await statusesOf(nginx, b)).toEqual(Array(12).fill(202));
});

test('requests that nginx sends to a process that hangs get 504 after 15 s, until it is restarted', async () => {
  const { nodes, nginx } = await startCluster();
  const [a, b] = nodes;
  const stream = await openSession(b);
  a.process.kill('SIGSTOP');

  const start = performance.now();
  const answers = await Promise.all(
    Array.from({ length: 9 }, (_, id) => post(nginx, stream.endpoint, echo(id, 'x'), alice)),
  );
  expect(performance.now() - start).toBeLessThan(20_000);
  expect(answers.map(({ status }) => status).sort()).toEqual([...Array(6).fill(202), 504, 504, 504]);
  for (const [id, { status }] of answers.entries()) if (status === 202) await stream.message(id);

  a.process.kill('SIGCONT');
  expect(await statusesOf(nginx, b)).toEqual(Array(12).fill(202));
  // The process can take up what waited in its connections, though nobody waits for the answer any more.
  const late = stream.events.map(({ data }) => JSON.parse(data).id);
  expect(new Set(late).size).toBe(late.length);
  for (const id of late) expect(answers[id]?.status).toBe(504);
});

test('when a process is killed under load, only requests in progress through it get 502', async () => {
  const { nodes, nginx } = await startCluster();
  const [a, b] = nodes;
  const traffic = await startTraffic(nginx, b);
  await traffic.flows();

  await a.stop('SIGKILL');
  await traffic.flows();

  const statuses = await traffic.stop();
  statuses.delete(502); // None, when nothing was on its way.
  expect(statuses).toEqual(new Set([202]));
  // One message of each client, and at most one more, if nginx has not noticed yet when the client sends the next.
  expect(traffic.others.length).toBeLessThanOrEqual(2 * traffic.clients);
  expect(await statusesOf(nginx, b)).toEqual(Array(12).fill(202));
});

/** Clients with sessions on one process, each of which sends one message after the other through the proxy. */
async function startTraffic(nginx: Cluster['nginx'], owner: { port: number }) {
  const clients = 6;
  let going = true;
  let sent = 0;
  /** What was not answered 202. */
  const others: Answer[] = [];
  const streams = await Promise.all(Array.from({ length: clients }, () => openSession(owner)));
  const ended = streams.map(async (stream) => {
    const accepted: number[] = [];
    const refused: number[] = [];
    for (let id = 0; going; id++) {
      const answer = await post(nginx, stream.endpoint, echo(id, 'x'), alice);
      sent++;
      if (answer.status === 202) {
        accepted.push(id);
        continue;
      }
      refused.push(id);
      others.push(answer);
    }
    for (const id of accepted) await stream.message(id);
    // Left over can only be replies to what was not accepted, one each.
    const left = stream.events.map(({ data }) => JSON.parse(data).id);
    expect(new Set(left).size).toBe(left.length);
    expect(refused).toEqual(expect.arrayContaining(left));
    return accepted.length;
  });
  return {
    clients,
    others,
    /** Resolves when each client has been answered ten times more. */
    async flows() {
      const enough = sent + 10 * clients;
      await eventually(
        async () => sent,
        (now) => now >= enough,
      );
    },
    /** Ends it, when each message that was accepted had its reply. @returns the statuses that clients saw */
    async stop() {
      going = false;
      const accepted = await Promise.all(ended);
      expect(Math.min(...accepted)).toBeGreaterThan(0);
      return new Set([202, ...others.map(({ status }) => status)]);
    },
  };
}

/** Of messages sent one after the other through the proxy, each of which gets its reply if it is accepted. */
async function statusesOf(nginx: Cluster['nginx'], owner: { port: number }): Promise<number[]> {
  const stream = await openSession(owner);
  const statuses: number[] = [];
  for (let id = 0; id < 12; id++) {
    const { status } = await post(nginx, stream.endpoint, echo(id, 'x'), alice);
    if (status === 202) await stream.message(id);
    statuses.push(status);
  }
  return statuses;
}
