import { forkScript } from '../load-process.js';
import { underLoad } from './under-load.js';

/** Those of `attacker.js`. */
const kinds = ['none', 'structure', 'endless', 'deaf', 'streams', 'chunks'];
const sessions = 20;

/**
 * How long others wait for their calls while one client attacks, beside how long they wait without. Each attack meets a process of
 * its own, with a credential of its own.
 */
export async function measureAttacked(subject, { seconds }) {
  const result = {};
  for (const kind of kinds) result[kind] = await besideAttack(subject, kind, seconds);
  return result;
}

function besideAttack(subject, kind, seconds) {
  return underLoad(subject, async (server, load) => {
    await load.send('open', { total: sessions });
    await load.send('calls', { sessions, rate: 1500, seconds: 0, warmup: 0.7 });
    const headers = JSON.stringify(subject.callers.at(-1).headers ?? {});
    const args = [kind, server.port, headers];
    const attacker = kind === 'none' ? undefined : forkScript('attacker.js', args, subject.pin);
    try {
      const options = { sessions, rate: 200, seconds, warmup: 0.5, toTheLast: true };
      const { calls, p50, p99, unanswered } = await load.send('calls', options);
      return { calls, p50, p99, unanswered, stopped: server.exited || unanswered > calls / 2 };
    } finally {
      attacker?.kill('SIGKILL');
    }
  });
}
