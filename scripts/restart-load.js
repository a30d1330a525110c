// Clients of both majors of the SDK that call without end, and count what became of each call: for what happens when
// servers are restarted under them.
import { setTimeout as wait } from 'node:timers/promises';
import { Client as Client2, SSEClientTransport as Sse2 } from '@modelcontextprotocol/client';
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport as Sse1 } from '@modelcontextprotocol/sdk/client/sse.js';

const about = { name: 'restart-load', version: '1.0.0' };

/** Milliseconds until a call that was refused is sent again, at first and at most, and how many attempts there are. */
const retryAfter = 200;
const longestRetry = 2000;
const attempts = 20;

/**
 * @param {object} options
 * @param {string} options.origin where the proxy is
 * @param {Record<string, string>} options.headers the credential, the same for all
 * @param {number} options.clients half of them of each major
 * @param {number} options.callsPerSecond in all
 * @param {number} [options.patience] milliseconds after which a call without an answer is lost
 * @param {(number: number) => { name: string, arguments: object, text?: string }} options.call what to call, and the
 *   text that only its own reply has
 */
export async function startLoad({
  origin,
  headers,
  clients: count,
  callsPerSecond,
  patience = 20_000,
  call,
}) {
  const counts = { calls: 0, answered: 0, failed: 0, silent: 0, wrong: 0, refused: 0, secondCopies: 0 };
  /** What calls failed with, and how often. */
  const reasons = new Map();
  const running = new Set();
  const clients = await Promise.all(
    Array.from({ length: count }, (_, index) =>
      connectClient(index % 2 === 0 ? 1 : 2, origin, headers, () => counts.secondCopies++),
    ),
  );
  let isGoing = true;
  let number = 0;
  const startedAt = performance.now();

  async function makeCalls() {
    while (isGoing) {
      const due = Math.floor(((performance.now() - startedAt) / 1000) * callsPerSecond);
      for (; number < due; number++) {
        const one = makeCall(clients[number % count], call(number)).finally(() => running.delete(one));
        running.add(one);
      }
      await wait(5);
    }
  }

  async function makeCall(client, { text, ...params }) {
    counts.calls++;
    for (let attempt = 1; ; attempt++) {
      try {
        const { content } = await client.callTool(params, undefined, { timeout: patience });
        if (text !== undefined && content[0]?.text !== text) counts.wrong++;
        else counts.answered++;
        return;
      } catch (error) {
        if (wasRefused(error) && attempt < attempts) {
          counts.refused++;
          noteReason(`refused: ${error.message}`);
          await wait(Math.min(retryAfter * 2 ** (attempt - 1), longestRetry));
          continue;
        }
        if (/timed? ?out/i.test(error.message)) counts.silent++;
        else counts.failed++;
        noteReason(error.message);
        return;
      }
    }
  }

  function noteReason(message) {
    const reason = message.replace(/\s+/g, ' ').slice(0, 100);
    reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  }

  const going = makeCalls();
  return {
    counts,
    reasons,
    /** Calls that have no answer yet. */
    running: () => running.size,

    /** Makes no more calls, waits for the last ones, and asks each client for one more. */
    async finish() {
      isGoing = false;
      await going;
      await Promise.all(running);
      const alive = await Promise.all(
        clients.map((client) =>
          client.listTools(undefined, { timeout: patience / 2 }).then(
            () => true,
            () => false,
          ),
        ),
      );
      await Promise.all(clients.map((client) => client.close()));
      return { ...counts, connected: alive.filter(Boolean).length, clients: count };
    },
  };
}

/**
 * An unmodified client of one major version of the SDK, whose `callTool` takes what version 1's takes.
 *
 * @param onSecondCopy called when a reply comes a second time
 */
export async function connectClient(major, origin, headers, onSecondCopy = () => {}) {
  const [Client, Transport] = major === 1 ? [Client1, Sse1] : [Client2, Sse2];
  const transport = new Transport(new URL('/sse', origin), { requestInit: { headers } });
  const client = new Client(about);
  client.onerror = () => {}; // The client says each cut here; what counts is what became of the calls.
  await client.connect(transport);
  const { onmessage } = transport;
  const seen = new Set();
  transport.onmessage = (message, extra) => {
    if (!('method' in message)) {
      if (seen.has(message.id)) onSecondCopy();
      seen.add(message.id);
    }
    onmessage?.(message, extra);
  };
  if (major === 2)
    return Object.assign(client, {
      callTool: (params, _, options) => Client2.prototype.callTool.call(client, params, options),
    });
  return client;
}

/** Whether the message was not taken: the proxy or the server said so at once, or the connection ended. */
function wasRefused({ message, cause }) {
  return /HTTP (404|429|5\d\d)|POSTing|fetch failed|socket|ECONN/i.test(`${message} ${cause?.message ?? ''}`);
}
