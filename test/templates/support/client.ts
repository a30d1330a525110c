import { type IncomingMessage, request as httpRequest } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { RunningServer } from './server.js';

export interface Answer {
  status: number;
  headers: IncomingMessage['headers'];
  body: string;
}

/** One HTTP request over a connection of its own. */
export async function send(
  server: Pick<RunningServer, 'port'>,
  method: string,
  path: string,
  { headers = {}, body }: { headers?: Record<string, string>; body?: string | Buffer } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      { host: '127.0.0.1', port: server.port, method, path, headers, agent: false },
      async (response) => {
        const chunks: Buffer[] = [];
        try {
          for await (const chunk of response) chunks.push(chunk);
        } catch (error) {
          return reject(error);
        }
        resolve({
          status: response.statusCode as number,
          headers: response.headers,
          body: Buffer.concat(chunks).toString(),
        });
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

/** POSTs a JSON value, or bytes as they are. */
export function post(
  server: Pick<RunningServer, 'port'>,
  path: string,
  message: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const body = typeof message === 'string' || Buffer.isBuffer(message) ? message : JSON.stringify(message);
  return send(server, 'POST', path, { headers: { 'Content-Type': 'application/json', ...headers }, body });
}

/** A JSON-RPC request. */
export function call(id: number | string, method: string, params?: Record<string, unknown>) {
  return { jsonrpc: '2.0' as const, id, method, ...(params && { params }) };
}

export function callTool(id: number | string, name: string, args: Record<string, unknown> = {}) {
  return call(id, 'tools/call', { name, arguments: args });
}

/** A raw connection: what is written goes out byte for byte; what comes back is collected. */
export async function rawConnection(server: Pick<RunningServer, 'port'>) {
  const socket: Socket = connect(server.port, '127.0.0.1');
  const chunks: Buffer[] = [];
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.on('data', (chunk) => chunks.push(chunk));
  socket.on('error', () => {}); // A reset ends the connection; 'close' follows.
  await new Promise<void>((resolve) => socket.once('connect', () => resolve()));
  return {
    socket,
    write: (bytes: string | Buffer) => socket.write(bytes),
    received: () => Buffer.concat(chunks).toString(),
    /** Resolves when the other side closed the connection, with all that came. */
    async end(): Promise<string> {
      await closed;
      return Buffer.concat(chunks).toString();
    },
    /** Resolves as soon as what came matches. */
    async until(pattern: RegExp): Promise<string> {
      while (!pattern.test(Buffer.concat(chunks).toString())) {
        const more = new Promise<void>((resolve) => socket.once('data', () => resolve()));
        const over = closed.then(() => {
          throw new Error(`the connection closed before ${pattern} came:\n${Buffer.concat(chunks)}`);
        });
        await Promise.race([more, over]);
      }
      return Buffer.concat(chunks).toString();
    },
  };
}

export interface StreamEvent {
  event: string;
  data: string;
}

export type Stream = Awaited<ReturnType<typeof openStream>>;

/** Opens an event stream and reads it as the standard says, without reconnecting. */
export async function openStream(
  server: Pick<RunningServer, 'port'>,
  { headers = {}, path = '/sse' }: { headers?: Record<string, string>; path?: string } = {},
) {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    httpRequest({ host: '127.0.0.1', port: server.port, path, headers, agent: false }, resolve)
      .on('error', reject)
      .end();
  });
  if (response.statusCode !== 200) throw new Error(`the stream was refused with ${response.statusCode}`);

  const events: StreamEvent[] = [];
  const comments: string[] = [];
  /** Everything as it came. */
  let text = '';
  let rest = '';
  let wake = () => {};
  let over = false;
  response.setEncoding('utf8');
  response.on('data', (chunk: string) => {
    text += chunk;
    rest += chunk;
    const frames = rest.split('\n\n');
    rest = frames.pop() as string;
    for (const frame of frames) {
      const lines = frame.split('\n');
      if (frame.startsWith(':')) comments.push(frame.slice(1).trim());
      const event = lines.find((line) => line.startsWith('event: '))?.slice(7) ?? '';
      const data = lines.filter((line) => line.startsWith('data: ')).map((line) => line.slice(6));
      if (data.length > 0) events.push({ event, data: data.join('\n') });
    }
    wake();
  });
  const closed = new Promise<void>((resolve) => response.once('close', resolve));
  response.on('error', () => {}); // 'close' follows.
  closed.then(() => {
    over = true;
    wake();
  });

  /** Takes the first event that fits and has not been taken yet. */
  async function next(fits: (event: StreamEvent) => boolean = () => true, within = 5000): Promise<StreamEvent> {
    const deadline = Date.now() + within;
    for (;;) {
      const index = events.findIndex(fits);
      if (index >= 0) return events.splice(index, 1)[0] as StreamEvent;
      if (over) throw new Error('the stream ended before such an event came');
      const left = deadline - Date.now();
      if (left <= 0) throw new Error(`no such event within ${within} ms`);
      let timer: NodeJS.Timeout | undefined;
      await Promise.race([
        new Promise<void>((resolve) => {
          wake = resolve;
        }),
        new Promise<void>((resolve) => {
          timer = setTimeout(resolve, left);
        }),
      ]);
      clearTimeout(timer);
    }
  }

  const { data: endpoint } = await next();
  return {
    response,
    /** The path to POST to. */
    endpoint,
    events,
    comments,
    next,
    /** The next JSON-RPC message, or the one with this id. */
    async message(id?: number | string, within?: number) {
      const { data } = await next(({ event, data }) => event === 'message' && (id === undefined || JSON.parse(data).id === id), within);
      return JSON.parse(data);
    },
    text: () => text,
    closed,
    get isOver() {
      return over;
    },
    close: () => response.destroy(),
    post: (message: unknown, extra: Record<string, string> = {}) => post(server, endpoint, message, { ...headers, ...extra }),
  };
}
