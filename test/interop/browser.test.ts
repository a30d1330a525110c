import type { Browser, Frame, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { launchBrowser, missingBrowser, servePage } from '../support/browser.js';
import { missing } from '../support/programs.js';
import { recordOutcome } from './support/outcome.js';
import { documentedSettings, startNginx } from './support/proxies.js';
import { credential, type RunningServer, startServer } from './support/server.js';

// What a page can do with nothing but the browser's own EventSource and fetch.

const headers = await credential('apikey');
const reason = missingBrowser();
if (reason) console.warn(`skipped: what is proven in a browser. ${reason}`);

describe.skipIf(reason)('a page', () => {
  let browser: Browser;
  let pages: Awaited<ReturnType<typeof servePage>>;
  beforeAll(async () => {
    browser = await launchBrowser();
    pages = await servePage();
  });
  afterAll(async () => {
    await browser?.close();
    pages?.close();
  });

  test('of another origin opens an EventSource and calls a tool with its credential', async ({ task }) => {
    record(task, 'SSE', 'EventSource, and fetch with the credential');
    // An EventSource cannot send headers: the stream is open to all, the messages are not.
    const server = await start('apikey', { PROTECT: 'messages' });
    const page = await open(pages.foreign);
    expect(await page.evaluate(callOverEventSource, { origin: server.origin, headers })).toBe('hello');
  });

  test('reads a protected event stream with fetch', async ({ task }) => {
    record(task, 'SSE', 'the stream by fetch, with the credential');
    const server = await start('apikey');
    const page = await open(pages.foreign);
    expect(await page.evaluate(callOverFetch, { origin: server.origin, headers })).toBe('hello');
  });

  test('calls a tool over Streamable HTTP', async ({ task }) => {
    record(task, 'Streamable HTTP, 2025', 'fetch with the credential');
    const server = await start('apikey');
    const page = await open(pages.foreign);
    expect(await page.evaluate(callStreamable, { origin: server.origin, headers })).toContain(
      '"text":"hello"',
    );
  });

  test('can read why it was refused', async ({ task }) => {
    record(task, 'SSE', 'reading why it was refused');
    const server = await start('apikey');
    const page = await open(pages.foreign);
    const answer = await page.evaluate(async (origin) => {
      const { status, headers, ...response } = await fetch(`${origin}/sse`).then(async (answer) => ({
        status: answer.status,
        headers: answer.headers.get('WWW-Authenticate'),
        body: await answer.json(),
      }));
      return { status, challenge: headers, ...response };
    }, server.origin);
    expect(answer).toMatchObject({ status: 401, body: { error: { code: 'unauthorized' } } });
    expect(answer.challenge).toBeTruthy();
  });

  test('in a sandboxed frame, whose origin is null, may call a server that asks for a credential', async ({
    task,
  }) => {
    record(task, 'SSE', 'a sandboxed frame, whose origin is null');
    const server = await start('apikey', { PROTECT: 'messages' });
    const frame = await openSandboxed(pages.foreign);
    expect(await frame.evaluate(() => self.origin)).toBe('null');
    expect(await frame.evaluate(callOverEventSource, { origin: server.origin, headers })).toBe('hello');
  });

  test('of this machine may call a server without credentials', async () => {
    const server = await start('none');
    const page = await open(pages.loopback);
    expect(await page.evaluate(callOverEventSource, { origin: server.origin, headers: {} })).toBe('hello');
  });

  test('of another site may not call a server without credentials', async () => {
    const server = await start('none');
    const page = await open(pages.foreign);
    expect(await page.evaluate(tryToReach, server.origin)).toEqual(['error', 'TypeError']);
    expect(server.log.filter(({ code }) => code === 'origin_not_allowed').length).toBeGreaterThan(0);
  });

  test('in a sandboxed frame may not call a server without credentials', async () => {
    const server = await start('none');
    const frame = await openSandboxed(pages.loopback);
    expect(await frame.evaluate(tryToReach, server.origin)).toEqual(['error', 'TypeError']);
  });

  describe.skipIf(missing('nginx'))('that opens ten streams', () => {
    test('gets all of them behind nginx, with the HTTP/2 of its documented configuration', async ({
      task,
    }) => {
      record(task, 'SSE', 'ten streams from one page, behind nginx');
      const server = await start('apikey', { PROTECT: 'messages', ...documentedSettings() });
      const proxy = await startNginx(server.port);
      onTestFinished(() => proxy.stop());
      const page = await open(pages.foreign);
      const protocols = await protocolsOf(page);
      expect(await page.evaluate(openStreams, { url: `${proxy.url}/sse`, count: 10, enough: 10 })).toBe(10);
      expect(protocols).toEqual(new Set(['h2']));
    });

    test('gets six without it: the most a browser opens to one host over HTTP/1.1', async () => {
      const server = await start('apikey', { PROTECT: 'messages' });
      const page = await open(pages.foreign);
      const protocols = await protocolsOf(page);
      expect(await page.evaluate(openStreams, { url: `${server.origin}/sse`, count: 10, enough: 7 })).toBe(6);
      expect(protocols).toEqual(new Set(['http/1.1']));
    });
  });

  async function open(url: string): Promise<Page> {
    // The certificate of the test's nginx is one that only this run's Node processes know.
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    onTestFinished(() => context.close());
    const page = await context.newPage();
    await page.goto(url);
    return page;
  }

  async function openSandboxed(url: string): Promise<Frame> {
    const page = await open(url);
    await page.setContent('<iframe sandbox="allow-scripts" srcdoc="<title>sandboxed</title>"></iframe>');
    return page.frames()[1] as Frame;
  }

  /** The protocols of the event streams that the page gets from now on; its icon comes over HTTP/1.1. */
  async function protocolsOf(page: Page): Promise<Set<string>> {
    const protocols = new Set<string>();
    const devTools = await page.context().newCDPSession(page);
    devTools.on('Network.responseReceived', ({ type, response }) => {
      if (type === 'EventSource') protocols.add(response.protocol ?? 'unknown');
    });
    await devTools.send('Network.enable');
    return protocols;
  }

  function record(task: Parameters<typeof recordOutcome>[0], transport: string, feature: string): void {
    recordOutcome(task, { client: 'Chromium', version: browser.version(), transport, feature });
  }
});

async function start(project: string, settings: Record<string, string> = {}): Promise<RunningServer> {
  const server = await startServer(project, settings);
  onTestFinished(async () => {
    await server.stop();
  });
  return server;
}

interface Target {
  origin: string;
  headers: Record<string, string>;
}

// The functions from here on run in the page.

/** Calls `echo` over an EventSource. @returns what it answered */
function callOverEventSource({ origin, headers }: Target): Promise<string> {
  return new Promise((resolve, reject) => {
    const stream = new EventSource(`${origin}/sse`);
    stream.onerror = () => reject(new Error('the stream failed'));
    stream.addEventListener('message', ({ data }) => {
      stream.close();
      resolve(JSON.parse(data).result.content[0].text);
    });
    stream.addEventListener('endpoint', ({ data }) => {
      const message = {
        jsonrpc: '2.0',
        id: 1,
        method: 'tools/call',
        params: { name: 'echo', arguments: { text: 'hello' } },
      };
      fetch(new URL(data, origin), {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', ...headers },
        body: JSON.stringify(message),
      }).catch(reject);
    });
  });
}

/** The same where the stream needs a credential as well: fetch can send one, and read a stream. */
async function callOverFetch({ origin, headers }: Target): Promise<string> {
  const response = await fetch(`${origin}/sse`, { headers: { Accept: 'text/event-stream', ...headers } });
  const reader = (response.body as ReadableStream<Uint8Array>)
    .pipeThrough(new TextDecoderStream() as never)
    .getReader();
  let text = '';
  const until = async (pattern: RegExp) => {
    for (;;) {
      const found = pattern.exec(text)?.[1];
      if (found) return found;
      const { value, done } = await reader.read();
      if (done) throw new Error(`the stream ended after ${text}`);
      text += value;
    }
  };
  const endpoint = await until(/event: endpoint\ndata: (.*)\n/);
  const message = {
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name: 'echo', arguments: { text: 'hello' } },
  };
  await fetch(new URL(endpoint, origin), {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify(message),
  });
  return JSON.parse(await until(/event: message\ndata: (.*)\n/)).result.content[0].text;
}

async function callStreamable({ origin, headers }: Target): Promise<string> {
  const message = {
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name: 'echo', arguments: { text: 'hello' } },
  };
  const response = await fetch(`${origin}/mcp`, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
      'MCP-Protocol-Version': '2025-06-18',
      ...headers,
    },
    body: JSON.stringify(message),
  });
  return response.text();
}

/** What an EventSource and a fetch end with. */
async function tryToReach(origin: string): Promise<string[]> {
  const stream = new EventSource(`${origin}/sse`);
  const ofStream = await new Promise<string>((resolve) => {
    stream.onerror = () => resolve('error');
    stream.addEventListener('endpoint', () => resolve('endpoint'));
  });
  stream.close();
  const ofFetch = await fetch(`${origin}/health`).then(
    ({ status }) => String(status),
    (error: Error) => error.name,
  );
  return [ofStream, ofFetch];
}

/** Opens streams until `enough` have had their first event, or nothing has come for a while. */
async function openStreams({
  url,
  count,
  enough,
}: {
  url: string;
  count: number;
  enough: number;
}): Promise<number> {
  const streams = Array.from({ length: count }, () => new EventSource(url));
  let opened = 0;
  await new Promise<void>((resolve) => {
    let quiet = setTimeout(resolve, 5000);
    for (const stream of streams) {
      stream.addEventListener('endpoint', () => {
        opened++;
        clearTimeout(quiet);
        if (opened >= enough) resolve();
        else quiet = setTimeout(resolve, 1500);
      });
    }
  });
  for (const stream of streams) stream.close();
  return opened;
}
