import { expect, onTestFinished, test } from 'vitest';
import { type CuttingProxy, cuttingProxy } from '../templates/support/cutting-proxy.js';
import { type ClientUnderTest, type Connection, client1_12, clients } from './support/clients.js';
import { credential, startServer } from './support/server.js';

// Unmodified clients of four generations, many at once with one credential, one `User-Agent` and one address, whose
// streams are cut: every call is answered. CUT_CLIENTS says how many of each generation, CUT_ROUNDS how many calls each
// makes; both are small in CI.

const clientsOfEach = Number(process.env.CUT_CLIENTS ?? 4);
const rounds = Number(process.env.CUT_ROUNDS ?? 1);

const generations = [...clients.filter(({ transports }) => transports.includes('SSE')), client1_12];
/** Long enough for the calls of all clients to be on their way when their streams are cut. */
const callTakesMs = clientsOfEach > 10 ? 4000 : 1000;
const settings = {
  SLOW_ECHO_MS: String(callTakesMs),
  MAX_SESSIONS_PER_CLIENT: '2000',
  MAX_CALLS_PER_CLIENT: '2000',
  RATE_LIMIT: '0',
};

interface Fault {
  /** How the streams are cut, when all calls are on their way. */
  cut(proxy: CuttingProxy): void;
  /** How often each client has to connect again. */
  times: number;
  /** The client whose calls may be lost. */
  except?: ClientUnderTest;
}

const [oldest] = clients;
const faults: Record<string, Fault> = {
  'after the 202': { cut: (proxy) => proxy.cut(), times: 1 },
  'in the middle of an event': { cut: (proxy) => proxy.cutAtNextEvent(0.5), times: 1 },
  'while the reply is written': { cut: (proxy) => proxy.cutAtNextEvent(0), times: 1 },
  'twice in a row': { cut: (proxy) => proxy.cutTwice(), times: 2 },
  // It does not say when it reconnects, and is asked only if a session of its caller is known to be cut.
  'half-open': { cut: (proxy) => proxy.cutHalf(), times: 1, except: client1_12 },
};
const cases = [
  ...Object.keys(faults).map((fault) => ['apikey', fault] as const),
  ['jwt', 'after the 202'] as const,
  ['none', 'after the 202'] as const,
];

/** Seconds that a client waits before it reconnects, and then at most for its reply. */
const clientWaits = 3;
const patience = 2;

test.each(cases)(
  'with %s, streams that are cut %s lose no call',
  { timeout: 60_000 + rounds * 30_000 },
  async (auth, name) => {
    const fault = faults[name] as Fault;
    const server = await startServer(`slow-${auth}`, settings);
    const proxy = await cuttingProxy(server);
    const headers = await credential(auth);
    const all = await Promise.all(
      Array.from({ length: clientsOfEach }, () =>
        generations.filter((one) => one !== fault.except).map((one) => connect(one, proxy.origin, headers)),
      ).flat(),
    );
    onTestFinished(async () => {
      await Promise.all(all.map(({ connection }) => connection.close()));
      proxy.close();
      await server.stop('SIGKILL');
    });

    const seconds = new Map<string, number[]>();
    for (let round = 0; round < rounds; round++) {
      const before = proxy.accepted();
      let cutAt: number | undefined;
      const replies = all.map(async ({ version, connection }, i) => {
        const text = `round ${round}, client ${i}`;
        const { content } = await connection.callTool({ name: 'echo', arguments: { text } });
        seconds.set(version, [
          ...(seconds.get(version) ?? []),
          (performance.now() - (cutAt ?? performance.now())) / 1000,
        ]);
        expect(content[0].text).toBe(text);
      });
      await expect.poll(() => proxy.accepted() - before, { interval: 5, timeout: 10_000 }).toBe(all.length);
      cutAt = performance.now();
      fault.cut(proxy);
      await Promise.all(replies);
    }

    for (const [version, times] of seconds) {
      expect(times).toHaveLength(clientsOfEach * rounds);
      const most = Math.max(...times);
      if (process.env.CUT_CLIENTS)
        console.log(
          `${auth}, ${name}, ${version}: ${times.length} of ${times.length}, ${most.toFixed(1)} s at most`,
        );
      expect(most).toBeLessThan(fault.times * clientWaits + callTakesMs / 1000 + patience);
    }
  },
);

test.each(generations.map((client) => [client.version, client] as const))(
  'what client %s told when it initialised holds after its stream was cut',
  async (_, client) => {
    const server = await startServer('whole-protocol');
    const proxy = await cuttingProxy(server);
    const { connection } = await connect(client, proxy.origin, await credential('apikey'));
    onTestFinished(async () => {
      await connection.close();
      proxy.close();
      await server.stop('SIGKILL');
    });
    const logged: string[] = [];
    connection.onNotification('notifications/message', ({ params }) => logged.push(params.data));
    await connection.client.setLoggingLevel('warning');
    connection.callTool({ name: 'hang' }).catch(() => {}); // Something that is still to be delivered.

    proxy.cut();
    const asked = await connection.callTool({ name: 'ask-model' });
    expect(JSON.parse(asked.content[0].text)).toEqual({ type: 'text', text: 'A test.' });
    // Elicitation came with version 1.13.
    if (client !== oldest && client !== client1_12) {
      const { content } = await connection.callTool({ name: 'ask-user' });
      expect(content[0].text).toBe('accept {"name":"Ada"}');
    }
    await connection.callTool({ name: 'log' });
    expect(logged).toEqual(['watch out']);
  },
);

async function connect(client: ClientUnderTest, origin: string, headers: Record<string, string>) {
  const connection: Connection = await client.connect(new URL('/sse', origin), { transport: 'SSE', headers });
  return { version: client.version, connection };
}
