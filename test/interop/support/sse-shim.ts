import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** One client of the shim: its stream at the SSE server, and the responses that it waits on. */
interface Session {
  stream: IncomingMessage;
  messageUrl: string;
  /** Responses to POSTs whose requests have no reply yet, by the request's id; the last one comes last. */
  waiting: Map<unknown, ServerResponse>;
  /** The stream that the client opened by itself. */
  own?: ServerResponse;
}

/** Lets a client that speaks only Streamable HTTP talk to a server over SSE: whatever it sends and gets goes that way. */
export async function startSseShim(origin: string) {
  const sessions = new Map<string, Session>();

  async function handle(client: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(client);
    const id = String(client.headers['mcp-session-id'] ?? '');
    if (client.method === 'GET') return listen(sessions.get(id), response);
    if (client.method === 'DELETE') {
      sessions.get(id)?.stream.destroy();
      sessions.delete(id);
      return void response.writeHead(204).end();
    }
    const message = JSON.parse(body);
    const session = message.method === 'initialize' ? await open(client, response) : sessions.get(id);
    if (session === undefined) return void (response.headersSent || response.writeHead(404).end());
    const isRequest = message.method !== undefined && message.id !== undefined;
    if (isRequest) {
      session.waiting.set(message.id, response);
      response.writeHead(200, {
        'Content-Type': 'text/event-stream',
        'Mcp-Session-Id': keyOf(session) ?? '',
      });
      response.once('close', () => session.waiting.delete(message.id));
    }
    const sent = await fetch(new URL(session.messageUrl, origin), {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body,
    });
    if (!isRequest) response.writeHead(sent.status).end();
  }

  /** Opens the stream of a new session; if the server refuses it, the client is told. */
  async function open(client: IncomingMessage, response: ServerResponse): Promise<Session | undefined> {
    const { host = '', origin: page } = client.headers;
    const headers = { Host: host, ...(page !== undefined && { Origin: page }) };
    const stream = await new Promise<IncomingMessage>((resolve, reject) => {
      request(new URL('/sse', origin), { headers, agent: false }, resolve).on('error', reject).end();
    });
    if (stream.statusCode !== 200) {
      response.writeHead(stream.statusCode ?? 502);
      stream.pipe(response);
      return undefined;
    }
    const session: Session = { stream, messageUrl: '', waiting: new Map() };
    await new Promise<void>((resolve) => {
      onEvents(stream, (event, data) => {
        if (event === 'message') return deliver(session, data);
        session.messageUrl = data;
        resolve();
      });
    });
    sessions.set(randomUUID(), session);
    return session;
  }

  function listen(session: Session | undefined, response: ServerResponse): void {
    if (session === undefined) return void response.writeHead(404).end();
    session.own = response;
    response.writeHead(200, { 'Content-Type': 'text/event-stream' }).flushHeaders();
  }

  function keyOf(session: Session): string | undefined {
    for (const [id, one] of sessions) if (one === session) return id;
    return undefined;
  }

  function close(): void {
    for (const { stream } of sessions.values()) stream.destroy();
    server.closeAllConnections();
    server.close();
  }

  const server = createServer((client, response) => {
    handle(client, response).catch((error) => response.destroy(error));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/mcp`, close };
}

/** Sends on what came over SSE: a reply to the request's response, anything else where the client reads. */
function deliver({ waiting, own }: Session, data: string): void {
  const { id, method } = JSON.parse(data);
  const response = method === undefined ? waiting.get(id) : ([...waiting.values()].at(-1) ?? own);
  response?.write(`event: message\ndata: ${data}\n\n`);
  if (method === undefined) response?.end();
}

function onEvents(stream: IncomingMessage, take: (event: string, data: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    const frames = (rest + chunk).split('\n\n');
    rest = frames.pop() ?? '';
    for (const frame of frames) {
      const field = (name: string) =>
        frame
          .split('\n')
          .find((line) => line.startsWith(`${name}: `))
          ?.slice(name.length + 2);
      const [event, data] = [field('event'), field('data')];
      if (event !== undefined && data !== undefined) take(event, data);
    }
  });
}
