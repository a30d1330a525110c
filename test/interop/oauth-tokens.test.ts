import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type AuthorizationServer, startAuthorizationServer } from './support/authorization-server.js';
import { type ClientUnderLogin, createLogin, type Login, loginClients } from './support/login.js';
import { recordOutcome } from './support/outcome.js';
import { type RunningServer, startServerOf } from './support/server.js';

// What becomes of a client that has logged in by OAuth: its token ends, the issuer's key is withdrawn, the issuer is away.

const endpointOf = ({ transport }: ClientUnderLogin, server: RunningServer) =>
  new URL(transport === 'SSE' ? '/sse' : '/mcp', server.origin);

describe('a call that outlasts its token', () => {
  let issuer: AuthorizationServer;
  let server: RunningServer;
  beforeAll(async () => {
    issuer = await startAuthorizationServer({ accessTokenSeconds: 3 });
    server = await startServerOf(issuer);
  });
  afterAll(() => Promise.all([server.stop(), issuer.stop()]));

  for (const client of loginClients) {
    const { name, version, transport } = client;

    test.concurrent(`is answered to ${name} ${version} over ${transport}`, async ({ task, expect }) => {
      const feature = 'OAuth: a new token while a call runs';
      recordOutcome(task, { client: name, version, transport, feature, lacking: false });
      const login = createLogin();
      const connection = await client.connect(endpointOf(client, server), login);
      const { content } = await connection.callTool({ name: 'countdown', arguments: { seconds: 5 } });
      expect(content[0].text).toBe('Counted down 5 s');
      await connection.callTool({ name: 'whoami' });
      expect(login.pages).toHaveLength(1); // Nobody had to log in again.
      await connection.close();
    });
  }
});

/** An authorization server, and a server whose clock can be moved on. */
async function startWithClock(stepMs: number) {
  const issuer = await startAuthorizationServer();
  const clock = pathToFileURL(join(import.meta.dirname, '../templates/auth/movable-clock.js')).href;
  const settings = { NODE_OPTIONS: `--import ${clock}`, CLOCK_STEP: String(stepMs) };
  let server = await startServerOf(issuer, settings);
  onTestFinished(async () => {
    await Promise.all([server.stop(), issuer.stop()]);
  });
  return {
    issuer,
    server: () => server,
    async moveClock() {
      server.signal('SIGUSR2');
      await expect.poll(() => server.log.some(({ msg }) => msg === 'clock moved')).toBe(true);
    },
    async restart() {
      await server.stop();
      server = await startServerOf(issuer, { ...settings, PORT: String(server.port) });
    },
  };
}

test('when the issuer withdraws its key, clients get a token with the new one and go on', async () => {
  const { issuer, server, moveClock } = await startWithClock(10 * 60_000);
  const logins = loginClients.map(() => createLogin());
  const connections = await Promise.all(
    loginClients.map((client, i) => client.connect(endpointOf(client, server()), logins[i] as Login)),
  );
  const tokens = logins.map((login) => login.tokens().access_token);
  await issuer.useNewKey();
  await moveClock();

  for (const [i, connection] of connections.entries()) {
    const { content } = await connection.callTool({ name: 'whoami' });
    expect(content[0].text).toContain('alice');
    expect(logins[i]?.tokens().access_token).not.toBe(tokens[i]);
    expect(logins[i]?.pages).toHaveLength(1);
    await connection.close();
  }
});

test('while the issuer is unreachable, logged-in clients continue, and none has to log in again', async () => {
  const { issuer, server, restart, moveClock } = await startWithClock(5000);
  const logins = loginClients.map(() => createLogin());
  const connect = (client: ClientUnderLogin, i: number) =>
    client.connect(endpointOf(client, server()), logins[i] as Login);
  const connections = await Promise.all(loginClients.map(connect));
  await issuer.leave();
  for (const connection of connections) {
    expect((await connection.callTool({ name: 'whoami' })).content[0].text).toContain('alice');
    await connection.close();
  }
  for (const client of loginClients) {
    await expect(client.connect(endpointOf(client, server()), createLogin())).rejects.toThrow('fetch failed');
  }

  await restart(); // Now the server has no keys.
  for (const [i, client] of loginClients.entries())
    await expect(connect(client, i)).rejects.toThrow(/503|cannot be checked/);
  await issuer.comeBack();
  await moveClock();
  for (const [i, client] of loginClients.entries()) await (await connect(client, i)).close();
  expect(logins.map(({ pages }) => pages.length)).toEqual(loginClients.map(() => 1));
});
