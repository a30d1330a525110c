import { join } from 'node:path';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { credential, type RunningServer, startServer } from './support/server.js';

// A generated server whose owner took SSE out of it, as docs/sse-today.md says. That it compiles, setup has shown.

const headers = await credential('apikey');
let server: RunningServer;
beforeAll(async () => {
  server = await startServer('without-sse');
});
afterAll(() => server.stop());

test('the event stream and the message endpoint are gone', async () => {
  const stream = await fetch(new URL('/sse', server.origin), { headers });
  const messages = await fetch(new URL('/messages?sessionId=x', server.origin), { method: 'POST', headers });
  expect([stream.status, messages.status]).toEqual([404, 404]);
});

test('the bare origin has a page for browsers and no events', async () => {
  const events = await fetch(server.origin, { headers: { ...headers, Accept: 'text/event-stream' } });
  const page = await fetch(server.origin, { headers: { Accept: 'text/html' } });
  expect(events.status).toBe(404);
  expect(page.headers.get('content-type')).toContain('text/html');
});

test('clients of Streamable HTTP notice nothing', async () => {
  const client = new Client({ name: 'interop', version: '1.0.0' });
  const url = new URL('/mcp', server.origin);
  await client.connect(new StreamableHTTPClientTransport(url, { requestInit: { headers } }));
  const result = await client.callTool({ name: 'echo', arguments: { text: 'hello' } });
  expect(result.content).toEqual([{ type: 'text', text: 'hello' }]);
  await client.close();
});

test("the project's own tests pass", async () => {
  const cwd = join(inject('projects'), 'without-sse');
  const { stdout } = await execa('npm', ['test'], {
    cwd,
    env: { PATH: `${inject('binaries')}:${process.env.PATH}` },
  });
  expect(stdout).toContain('ℹ fail 0');
});
