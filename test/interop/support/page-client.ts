import type { Page } from 'playwright-core';

// A client in a page: what it knows stays in the page between the calls. It reads an EventSource and POSTs with `fetch`.

// biome-ignore lint/suspicious/noExplicitAny: what comes as JSON
type Message = any;

interface PageClient {
  url: string;
  headers: Record<string, string>;
  /** All replies that the stream brought, by the id of their request. */
  replies: Map<number, Message[]>;
  waiting: Map<number, (reply: Message) => void>;
}

type PageGlobals = typeof globalThis & { mcp: Map<string, PageClient> };

/**
 * Opens a stream, for which a browser sends no headers; `headers` go with each message.
 *
 * @param url of the stream; it names the client in the page
 */
export async function openInPage(page: Page, url: string, headers: Record<string, string>) {
  await page.evaluate(openStream, { url, headers });
  return {
    callTool: (id: number, name: string, args: object): Promise<void> =>
      page.evaluate(callTool, { url, id, name, args }),
    /** The reply to a call, whenever it comes. */
    replyTo: (id: number): Promise<Message> => page.evaluate(replyTo, { url, id }),
    /** How many replies to a call the stream has brought. */
    repliesTo: (id: number): Promise<number> => page.evaluate(repliesTo, { url, id }),
  };
}

// The functions from here on run in the page.

function openStream({ url, headers }: { url: string; headers: Record<string, string> }): Promise<void> {
  const page = globalThis as PageGlobals;
  page.mcp ??= new Map();
  const client: PageClient = { url: '', headers, replies: new Map(), waiting: new Map() };
  page.mcp.set(url, client);
  const stream = new EventSource(url);
  stream.addEventListener('message', ({ data }) => {
    const message = JSON.parse(data);
    client.replies.set(message.id, [...(client.replies.get(message.id) ?? []), message]);
    client.waiting.get(message.id)?.(message);
  });
  return new Promise((resolve) => {
    stream.addEventListener('endpoint', ({ data }) => {
      client.url = new URL(data, url).href;
      resolve();
    });
  });
}

async function callTool(call: { url: string; id: number; name: string; args: object }): Promise<void> {
  const client = (globalThis as PageGlobals).mcp.get(call.url) as PageClient;
  const params = { name: call.name, arguments: call.args };
  const response = await fetch(client.url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...client.headers },
    body: JSON.stringify({ jsonrpc: '2.0', id: call.id, method: 'tools/call', params }),
  });
  if (!response.ok) throw new Error(`refused with ${response.status}`);
}

function replyTo({ url, id }: { url: string; id: number }): Promise<Message> {
  const client = (globalThis as PageGlobals).mcp.get(url) as PageClient;
  const [reply] = client.replies.get(id) ?? [];
  return reply ?? new Promise((resolve) => client.waiting.set(id, resolve));
}

function repliesTo({ url, id }: { url: string; id: number }): number {
  return (globalThis as PageGlobals).mcp.get(url)?.replies.get(id)?.length ?? 0;
}
