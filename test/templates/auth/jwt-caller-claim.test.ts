import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { clientsOf, transports } from '../application/own-server.js';
import { directoryOf } from '../support/projects.js';
import { type RunningServer, startServer } from '../support/server.js';
import { bearer, expectRefused, sign } from './credentials.js';

// JWT_CALLER_CLAIM, for an issuer whose tokens name the caller elsewhere than in `sub`.

let server: RunningServer;
beforeAll(async () => {
  server = await startServer('jwt', { JWT_CALLER_CLAIM: 'email', LOG_LEVEL: 'debug' });
});
afterAll(() => server.stop());

test.each(transports)('a token without `sub` is good if it has that claim, over %s', async (transport) => {
  const claims = { sub: undefined, email: 'alice@example.com' };
  const clients = await clientsOf(server, bearer(await sign(claims)));
  const { result } = await clients[transport]('tools/call', { name: 'whoami' });
  expect(result?.content?.[0]?.text).toBe('alice@example.com');
  expect(await server.logged({ msg: 'tool call' })).toMatchObject({
    caller: '[null,null,"alice@example.com"]',
  });
});

test.each([{}, { email: 7 }, { email: '' }])('a token whose claim is %j is refused', async (claims) => {
  await expectRefused(server, bearer(await sign({ sub: 'alice', ...claims })), /error="invalid_token"/);
});

test('npm run token fills that claim', async () => {
  const { stdout } = await execa('node', ['scripts/token.js', '--sub', 'alice'], {
    cwd: directoryOf('jwt'),
    env: { JWT_CALLER_CLAIM: 'email' },
  });
  const clients = await clientsOf(server, bearer(stdout));
  expect((await clients.sse('tools/call', { name: 'whoami' })).result?.content?.[0]?.text).toBe('alice');
});
