import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, inject, test } from 'vitest';
import { type AuthorizationServer, startAuthorizationServer } from './support/authorization-server.js';
import { type ClientUnderLogin, clientMetadata, createLogin, loginClients } from './support/login.js';
import { recordOutcome } from './support/outcome.js';
import { type RunningServer, startServerOf } from './support/server.js';

// Logging in by OAuth, from the first 401 to a called tool: a real authorization server, and clients as they are.

/** A client that the issuer knew before, as many do. Others get no more scopes than they named when they registered. */
const known = { ...clientMetadata, client_id: 'known', grant_types: ['authorization_code'] };

let issuer: AuthorizationServer;
let server: RunningServer;
beforeAll(async () => {
  issuer = await startAuthorizationServer({ clients: [known] });
  server = await startServerOf(issuer);
});
afterAll(() => Promise.all([server.stop(), issuer.stop()]));

const endpointOf = ({ transport }: ClientUnderLogin) =>
  new URL(transport === 'SSE' ? '/sse' : '/mcp', server.origin);

for (const client of loginClients) {
  const { name, version, transport } = client;
  const overSse = transport === 'SSE';

  describe.concurrent(`${name} ${version} over ${transport}`, () => {
    test('registers, logs in and calls a tool', async ({ task, expect }) => {
      recordOutcome(task, { client: name, version, transport, feature: 'OAuth: log in', lacking: false });
      const url = endpointOf(client);
      const login = createLogin();
      const connection = await client.connect(url, login);
      const { content } = await connection.callTool({ name: 'whoami' });
      expect(content[0].text).toContain('alice');

      expect(login.pages).toHaveLength(1);
      const { origin, searchParams } = login.pages[0] as URL;
      expect(origin).toBe(issuer.issuer);
      expect(searchParams.get('code_challenge_method')).toBe('S256');
      expect(searchParams.get('resource')).toBe(url.href);
      expect(searchParams.get('scope')?.split(' ')).toContain('write');
      await connection.close();
    });

    test('is known by the URL of its metadata, without registering', async ({ expect }) => {
      const documents = await publishMetadata();
      const login = createLogin({ clientMetadataUrl: documents.url });
      const connection = await client.connect(endpointOf(client), login);
      const { content } = await connection.callTool({ name: 'whoami' });
      expect(content[0].text).toContain('alice');
      expect(login.pages[0]?.searchParams.get('client_id')).toBe(documents.url);
      await connection.close();
      documents.close();
    });

    // The 202 of a message over SSE is sent before anybody looks at scopes: the program has to ask for them.
    const stepUp = overSse ? 'tells which scope is missing' : 'asks for the scope that is missing';
    test(`${stepUp}, and goes on once it has it`, async ({ task, expect }) => {
      const feature = 'OAuth: ask for a scope that is missing';
      recordOutcome(task, { client: name, version, transport, feature, lacking: overSse });
      const login = createLogin({ client: { client_id: known.client_id, issuer: issuer.issuer } });
      const connection = await client.connect(endpointOf(client), login);
      const call = () => connection.callTool({ name: 'claims' });
      const error = await call().catch((error) => error);
      if (overSse) {
        expect(error.data).toEqual({ error: 'insufficient_scope', scope: 'read' });
        await connection.logInFor(`write ${error.data.scope}`);
      } else {
        expect(error.message).toBe('Unauthorized');
        await connection.finishLogin();
      }
      expect(login.pages).toHaveLength(2);
      const { content } = await call();
      expect(JSON.parse(content[0].text)).toMatchObject({ sub: 'alice', client_id: known.client_id });
      await connection.close();
    });
  });
}

/** Serves a client ID metadata document, which has to be at an https URL. */
async function publishMetadata() {
  const { cert, key } = inject('certificate');
  const files = { cert: readFileSync(cert), key: readFileSync(key) };
  const documents = createServer(files, (_, response) => {
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify({ ...clientMetadata, client_id: url }));
  });
  await new Promise<void>((resolve) => documents.listen(0, '127.0.0.1', resolve));
  const url = `https://localhost:${(documents.address() as AddressInfo).port}/client.json`;
  return { url, close: () => documents.close() };
}
