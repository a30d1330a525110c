import {
  Client,
  SdkHttpError,
  SSEClientTransport,
  StreamableHTTPClientTransport,
} from '@modelcontextprotocol/client';
import { Client as Client1 } from 'sdk-latest/client/index.js';
import { SSEClientTransport as Sse1 } from 'sdk-latest/client/sse.js';
import { StreamableHTTPClientTransport as Http1 } from 'sdk-latest/client/streamableHttp.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { authTypes } from './support/projects.js';
import { credential, type RunningServer, startServer } from './support/server.js';

const identity = { name: 'interop', version: '1.0.0' };

/**
 * The recipe of the SDK's documentation, version 2: Streamable HTTP first, SSE on the same URL when the server
 * refuses it with a 4xx.
 */
async function streamableFirst(url: URL, headers: Record<string, string>) {
  const requestInit = { headers };
  try {
    const client = new Client(identity);
    await client.connect(new StreamableHTTPClientTransport(url, { requestInit }));
    return { client, transport: 'Streamable HTTP' };
  } catch (error) {
    if (!(error instanceof SdkHttpError) || error.status < 400 || error.status >= 500) throw error;
    const client = new Client(identity);
    await client.connect(new SSEClientTransport(url, { requestInit }));
    return { client, transport: 'SSE' };
  }
}

/** The same of version 1. */
async function streamableFirst1(url: URL, headers: Record<string, string>) {
  const requestInit = { headers };
  try {
    const client = new Client1(identity);
    await client.connect(new Http1(url, { requestInit }));
    return { client, transport: 'Streamable HTTP' };
  } catch {
    const client = new Client1(identity);
    await client.connect(new Sse1(url, { requestInit }));
    return { client, transport: 'SSE' };
  }
}

for (const auth of authTypes) {
  for (const project of [auth, `${auth}-sse-only`]) {
    describe(`a server made with ${project}`, () => {
      let server: RunningServer;
      let headers: Record<string, string>;
      beforeAll(async () => {
        server = await startServer(project);
        headers = await credential(auth);
      });
      afterAll(() => server.stop());

      const found = [
        { given: '/sse', transport: 'SSE' },
        { given: '/', transport: 'SSE' },
        ...(project === auth ? [{ given: '/mcp', transport: 'Streamable HTTP' }] : []),
      ];
      for (const { given, transport } of found) {
        for (const [version, connect] of Object.entries({ 1: streamableFirst1, 2: streamableFirst })) {
          test(`a client of SDK version ${version} that was given ${given} ends up with ${transport}`, async () => {
            const connected = await connect(new URL(given, server.origin), headers);
            expect(connected.transport).toBe(transport);
            const result = await connected.client.callTool({ name: 'echo', arguments: { text: 'hello' } });
            expect(result.content).toEqual([{ type: 'text', text: 'hello' }]);
            await connected.client.close();
          });
        }
      }

      test('POST to the event stream gets 405 in plain text, without a credential', async () => {
        const answer = await fetch(new URL('/sse', server.origin), { method: 'POST', body: '{}' });
        expect(answer.status).toBe(405);
        expect(answer.headers.get('content-type')).toBe('text/plain');
        expect(answer.headers.get('allow')).toBe('GET, OPTIONS');
      });

      test('POST to the bare origin gets 405', async () => {
        const answer = await fetch(server.origin, { method: 'POST', body: '{}' });
        expect(answer.status).toBe(405);
      });

      test('a browser at the bare origin gets a page', async () => {
        const answer = await fetch(server.origin, { headers: { Accept: 'text/html,*/*;q=0.8' } });
        expect(answer.headers.get('content-type')).toContain('text/html');
      });
    });
  }
}
