import { request as httpsRequest } from 'node:https';
import { Client, SSEClientTransport, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { describe, expect, onTestFinished, test } from 'vitest';
import { missing } from '../support/programs.js';
import { documentedSettings, type RunningProxy, startCaddy, startNginx } from './support/proxies.js';
import { credential, type RunningServer, startServer } from './support/server.js';

// The configurations of the generated README, in front of a server started with the settings it names.

const headers = await credential('apikey');
const proxies = [
  { name: 'nginx', start: startNginx },
  { name: 'caddy', start: startCaddy },
];

for (const { name, start } of proxies) {
  const reason = missing(name);
  if (reason) console.warn(`skipped: what is proven behind ${name}. ${reason}`);

  describe.skipIf(reason)(`behind ${name}`, () => {
    test('a client connects over SSE below the path prefix', async () => {
      const { proxy } = await startBehind(start);
      const client = await connect(
        new SSEClientTransport(new URL(`${proxy.url}/sse`), { requestInit: { headers } }),
      );
      expect(await echo(client, 'hello')).toBe('hello');
    });

    test('a client connects over Streamable HTTP below the path prefix', async () => {
      const { proxy } = await startBehind(start);
      const url = new URL(`${proxy.url}/mcp`);
      const client = await connect(new StreamableHTTPClientTransport(url, { requestInit: { headers } }));
      expect(await echo(client, 'hello')).toBe('hello');
    });

    test('a message of 3 MB gets through, both ways', async () => {
      const { proxy } = await startBehind(start, { MAX_BUFFERED_BYTES: String(8 * 1024 ** 2) });
      const client = await connect(
        new SSEClientTransport(new URL(`${proxy.url}/sse`), { requestInit: { headers } }),
      );
      const text = 'x'.repeat(3 * 1024 ** 2);
      expect(await echo(client, text)).toBe(text);
    });

    for (const path of ['/sse', '/mcp']) {
      test(`what a tool reports over ${path} arrives while it runs`, async () => {
        const { proxy } = await startBehind(start);
        const url = new URL(proxy.url + path);
        const Transport = path === '/sse' ? SSEClientTransport : StreamableHTTPClientTransport;
        const client = await connect(new Transport(url, { requestInit: { headers } }));
        let reportedAt = 0;
        await client.callTool(
          { name: 'countdown', arguments: { seconds: 1 } },
          {
            onprogress: () => {
              reportedAt = performance.now();
            },
          },
        );
        // Between the report and the result the tool waits for a second. A proxy that buffers sends both at once.
        expect(reportedAt).not.toBe(0);
        expect(performance.now() - reportedAt).toBeGreaterThan(500);
      });
    }

    test('the landing page shows the public URL', async () => {
      const { proxy } = await startBehind(start);
      const page = await (await fetch(`${proxy.url}/`)).text();
      expect(page).toContain(`${proxy.url}/sse`);
    });
  });
}

describe.skipIf(missing('nginx'))('the read timeout of nginx', () => {
  const readTimeoutSeconds = 2;
  const startImpatient = (port: number) => startNginx(port, readTimeoutSeconds);

  test('does not end a stream that is kept alive', async () => {
    const { proxy } = await startBehind(startImpatient, { KEEP_ALIVE_SECONDS: '1' });
    const stream = await openStream(`${proxy.url}/sse`);
    const openedAt = Date.now();
    await stream.until((text) => text.split('\n: keep-alive').length > 4);
    expect(Date.now() - openedAt).toBeGreaterThan(readTimeoutSeconds * 1000);

    const messages = new URL(/data: (.*)/.exec(stream.text())?.[1] as string, proxy.url);
    const ping = { jsonrpc: '2.0', id: 'still there?', method: 'ping' };
    await fetch(messages, {
      method: 'POST',
      headers: { ...headers, 'Content-Type': 'application/json' },
      body: JSON.stringify(ping),
    });
    await stream.until((text) => text.includes('"id":"still there?"'));
  });

  test('ends a stream without keep-alive', async () => {
    const { proxy } = await startBehind(startImpatient, { KEEP_ALIVE_SECONDS: '0' });
    const stream = await openStream(`${proxy.url}/sse`);
    const openedAt = Date.now();
    await stream.ended;
    expect(Date.now() - openedAt).toBeGreaterThan((readTimeoutSeconds - 0.5) * 1000);
  });
});

async function startBehind(
  startProxy: (port: number) => Promise<RunningProxy>,
  settings: Record<string, string> = {},
): Promise<{ server: RunningServer; proxy: RunningProxy }> {
  const server = await startServer('apikey', { ...documentedSettings(), ...settings });
  const proxy = await startProxy(server.port);
  onTestFinished(async () => {
    await proxy.stop();
    await server.stop();
  });
  return { server, proxy };
}

async function connect(transport: SSEClientTransport | StreamableHTTPClientTransport): Promise<Client> {
  const client = new Client({ name: 'interop', version: '1.0.0' });
  await client.connect(transport);
  onTestFinished(() => client.close());
  return client;
}

async function echo(client: Client, text: string): Promise<unknown> {
  const { content } = await client.callTool({ name: 'echo', arguments: { text } });
  return (content as { text: string }[])[0]?.text;
}

/** An event stream, byte by byte. */
async function openStream(url: string) {
  let text = '';
  let wake = () => {};
  let over = false;
  const response = await new Promise<import('node:http').IncomingMessage>((resolve, reject) => {
    httpsRequest(url, { headers, agent: false }, resolve).on('error', reject).end();
  });
  const ended = new Promise<void>((resolve) => response.once('close', resolve));
  ended.then(() => {
    over = true;
    wake();
  });
  response.on('error', () => {}); // 'close' follows.
  response.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    wake();
  });
  onTestFinished(() => {
    response.destroy();
  });
  return {
    text: () => text,
    ended,
    async until(holds: (text: string) => boolean): Promise<void> {
      while (!holds(text)) {
        if (over) throw new Error(`the stream ended too early:\n${text}`);
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}
