import {
  Client,
  SSEClientTransport,
  StreamableHTTPClientTransport,
  type Transport,
} from '@modelcontextprotocol/client';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport as SSEClientTransportV1 } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport as StreamableHTTPClientTransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { secret } from '../support/projects.js';
import { type RunningServer, startServer } from '../support/server.js';
import { bearer, sign } from './credentials.js';
import { makeOwnProject } from './own-project.js';

// The official clients, of today and of before, log in over both transports with each kind of credential.

const about = { name: 'test', version: '1.0.0' };

/** A provider as somebody would fill it in. */
const ownProvider = `
import type { IncomingMessage } from 'node:http';
import type { AuthProvider, AuthResult } from './auth-provider.ts';
import { bearerToken, singleHeader } from '../http/headers.ts';

export class CustomAuthProvider implements AuthProvider {
  async authenticate(req: IncomingMessage): Promise<boolean | AuthResult> {
    const token = bearerToken(singleHeader(req, 'Authorization'));
    return token === 'open sesame' && { callerId: 'ali', data: { sub: 'ali' } };
  }
}
`;

type Headers = Record<string, string>;
const clients: Record<string, (server: RunningServer, headers: Headers) => Promise<Client | ClientV1>> = {
  '2 over SSE': ({ origin }, headers) =>
    connect(new SSEClientTransport(new URL(`${origin}/sse`), { requestInit: { headers } })),
  '2 over Streamable HTTP': ({ origin }, headers) =>
    connect(new StreamableHTTPClientTransport(new URL(`${origin}/mcp`), { requestInit: { headers } })),
  '1 over SSE': ({ origin }, headers) =>
    connectV1(new SSEClientTransportV1(new URL(`${origin}/sse`), { requestInit: { headers } })),
  '1 over Streamable HTTP': ({ origin }, headers) =>
    connectV1(new StreamableHTTPClientTransportV1(new URL(`${origin}/mcp`), { requestInit: { headers } })),
};

async function connect(transport: Transport): Promise<Client> {
  const client = new Client(about);
  await client.connect(transport);
  return client;
}

async function connectV1(
  transport: SSEClientTransportV1 | StreamableHTTPClientTransportV1,
): Promise<ClientV1> {
  const client = new ClientV1(about);
  await client.connect(transport as Parameters<ClientV1['connect']>[0]);
  return client;
}

interface Login {
  start: () => Promise<RunningServer>;
  good: () => Promise<Headers>;
  bad?: Headers;
  name: string;
}

const logins: Record<string, Login> = {
  'a JWT': {
    start: () => startServer('jwt'),
    good: async () => bearer(await sign()),
    bad: bearer('x.y.z'),
    name: 'alice',
  },
  'an API key': {
    start: () => startServer('apikey'),
    good: async () => ({ 'X-API-Key': secret }),
    bad: { 'X-API-Key': 'x' },
    name: 'default (scopes: read)',
  },
  'what a provider of their own takes': {
    start: async () =>
      startServer(
        await makeOwnProject('custom-own', 'custom', { 'src/auth/custom-auth-provider.ts': ownProvider }),
      ),
    good: async () => bearer('open sesame'),
    bad: bearer('close sesame'),
    name: 'ali',
  },
  'no credential': { start: () => startServer('none'), good: async () => ({}), name: 'anonymous' },
};

describe.each(Object.entries(logins))('with %s', (_, { start, good, bad, name }) => {
  let server: RunningServer;
  beforeAll(async () => {
    server = await start();
  });
  afterAll(() => server.stop());

  test.each(Object.entries(clients))(
    "SDK version %s is let in, and the tool knows the caller's name",
    async (_, open) => {
      const client = await open(server, await good());
      expect(await client.callTool({ name: 'whoami', arguments: {} })).toMatchObject({
        content: [{ text: name }],
      });
      await client.close();
    },
  );

  if (bad !== undefined) {
    test.each(Object.entries(clients))(
      'SDK version %s learns that its credential is bad',
      async (_, open) => {
        await expect(open(server, bad)).rejects.toThrow(/401|Unauthorized|valid credential/i);
      },
    );
  }
});
