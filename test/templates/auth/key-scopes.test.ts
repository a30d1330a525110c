import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { clientsOf, transports } from '../application/own-server.js';
import { callTool, post } from '../support/client.js';
import { type Auth, secret } from '../support/projects.js';
import { type RunningServer, runServer, startServer } from '../support/server.js';
import { makeOwnProject } from './own-project.js';

// Scopes that belong to an API key, or come from a provider of one's own. The tool `claims` requires `read`.

const reader = 'reader-key-0123456789';
const writer = 'writer-key-0123456789';
const none = 'none-key-0123456789ab';

let project: Auth;
let keyServer: RunningServer;
let ownServer: RunningServer;
beforeAll(async () => {
  keyServer = await startServer('apikey', {
    API_KEY: `reader:${reader}:read  write , writer:${writer}:write,none:${none}`,
  });
  project = await makeOwnProject('provider-with-scopes', 'custom', {
    'src/auth/custom-auth-provider.ts': `
      import type { IncomingMessage } from 'node:http';
      import { singleHeader } from '../http/headers.ts';
      import type { AuthProvider, AuthResult } from './auth-provider.ts';
      const users: Record<string, string[]> = { '${reader}': ['read', 'write'], '${writer}': ['write'], '${none}': [] };
      export class CustomAuthProvider implements AuthProvider {
        async authenticate(req: IncomingMessage): Promise<boolean | AuthResult> {
          const key = singleHeader(req, 'X-API-Key');
          const scopes = key === undefined ? undefined : users[key];
          return scopes !== undefined && { callerId: key?.split('-')[0] as string, scopes };
        }
      }`,
  });
  ownServer = await startServer(project);
}, 30_000);
afterAll(async () => {
  await Promise.all([keyServer.stop(), ownServer.stop()]);
});

describe.each(['keys', 'a provider'])('scopes of %s', (source) => {
  const server = () => (source === 'keys' ? keyServer : ownServer);

  test.each(transports)('let a call through over %s', async (transport) => {
    const clients = await clientsOf(server(), { 'X-API-Key': reader });
    const { result } = await clients[transport]('tools/call', { name: 'claims' });
    expect(result?.isError).toBeFalsy();
    const whoami = await clients[transport]('tools/call', { name: 'whoami' });
    expect(whoami.result?.content?.[0]?.text).toBe('reader (scopes: read write)');
  });

  test.each([writer, none])('that are missing refuse a call, over both transports: %s', async (key) => {
    const headers = { 'X-API-Key': key };
    const { sse } = await clientsOf(server(), headers);
    expect((await sse('tools/call', { name: 'claims' })).error?.message).toBe(
      'insufficient_scope: this needs read',
    );
    const accept = { Accept: 'application/json, text/event-stream' };
    const answer = await post(server(), '/mcp', callTool(1, 'claims'), { ...accept, ...headers });
    expect(answer.status).toBe(403);
  });
});

test('the key in the .env of a new project may use the example', async () => {
  const server = await startServer('apikey');
  const { sse } = await clientsOf(server, { 'X-API-Key': secret });
  expect((await sse('tools/call', { name: 'claims' })).result?.content?.[0]?.text).toContain('default');
  await server.stop();
});

test('a key with a colon is refused, since what follows would count as scopes', async () => {
  const { code, output } = await runServer('apikey', { API_KEY: `${reader},laptop:${reader}:read:write` });
  expect(code).toBe(1);
  expect(output).toBe('API_KEY: key 2 of 2 must be key, id:key or id:key:scope scope; a key has no colon\n');
});
