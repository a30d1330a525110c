import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect, type Socket } from 'node:net';
import type { RunningServer } from './server.js';

/** Where requests go: over TLS when the origin says so, whoever signed the certificate. */
export type Target = Pick<RunningServer, 'port'> & { origin?: string };

function request(
  { port, origin }: Target,
  options: RequestOptions,
  onResponse: (response: IncomingMessage) => void,
) {
  const all = { host: '127.0.0.1', port, agent: false, ...options };
  return origin?.startsWith('https:')
    ? httpsRequest({ ...all, rejectUnauthorized: false }, onResponse)
    : httpRequest(all, onResponse);
}

export interface Answer {
  status: number;
  headers: IncomingMessage['headers'];
  body: string;
}

/** One HTTP request over a connection of its own. */
export async function send(
  server: Target,
  method: string,
  path: string,
  { headers = {}, body }: { headers?: Record<string, string>; body?: string | Buffer } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(server, { method, path, headers }, async (response) => {
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
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** POSTs a JSON value, or bytes as they are. */
export function post(
  server: Target,
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

/** As much of what came as a pattern is looked for in: looking through megabytes again and again takes for ever. */
const window = 100_000;

/** A raw connection: what is written goes out byte for byte; what comes back is collected. */
export async function rawConnection(server: Target) {
  const socket: Socket = connect(server.port, '127.0.0.1');
  const chunks: Buffer[] = [];
  let bytes = 0;
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.on('data', (chunk) => {
    chunks.push(chunk);
    bytes += chunk.length;
  });
  socket.on('error', () => {}); // A reset ends the connection; 'close' follows.
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });

  /** The end of what came, or all of it when that is little. */
  function tail(): string {
    let length = 0;
    let from = chunks.length;
    while (from > 0 && length < window) length += (chunks[--from] as Buffer).length;
    return Buffer.concat(chunks.slice(from)).toString();
  }

  return {
    socket,
    closed,
    write: (data: string | Buffer) => socket.write(data),
    /** Bytes that came so far. */
    bytes: () => bytes,
    /** Resolves when nothing has come for some milliseconds, or the other side closed the connection. */
    async quiet(): Promise<void> {
      let before = -1;
      while (before !== bytes && !socket.destroyed) {
        before = bytes;
        await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 4))]);
      }
    },
    /** Resolves when the other side closed the connection, with all that came. */
    async end(): Promise<string> {
      await closed;
      return Buffer.concat(chunks).toString();
    },
    /** Resolves as soon as the end of what came matches, with that end. */
    async until(pattern: RegExp): Promise<string> {
      for (;;) {
        const text = tail();
        if (pattern.test(text)) return text;
        const more = new Promise<void>((resolve) => socket.once('data', () => resolve()));
        const over = closed.then(() => {
          throw new Error(`the connection closed before ${pattern} came:\n${text}`);
        });
        await Promise.race([more, over]);
      }
    },
  };
}

/** A stream on a raw connection, once its first event has come. */
export async function rawStream(server: Target, headers: Record<string, string> = {}, body = '') {
  const connection = await rawConnection(server);
  connection.write(rawRequest('GET', '/sse', headers, body));
  const head = await connection.until(/data: \S+\n(.+\n)?\n/);
  const [, endpoint = ''] = /data: (\S+)/.exec(head) ?? [];
  return {
    ...connection,
    /** The response up to the first event. */
    head,
    /** Where messages to the session are posted. */
    endpoint,
    /** What the log calls the session. */
    session: endpoint.split('=')[1]?.slice(0, 8) ?? '',
  };
}

export interface StreamEvent {
  event: string;
  data: string;
  /** Empty if it has none. */
  id: string;
}

export type Stream = Awaited<ReturnType<typeof openStream>>;

/** Opens an event stream and takes its first event, which says where to POST. */
export async function openStream(
  server: Target,
  { headers = {}, path = '/sse' }: { headers?: Record<string, string>; path?: string } = {},
) {
  const stream = await openEvents(server, { headers, path });
  const { event: firstEvent, data: endpoint } = await stream.next();
  return Object.assign(stream, {
    /** Name of the first event. */
    firstEvent,
    /** The path to POST to. */
    endpoint,
    post: (message: unknown, extra: Record<string, string> = {}) =>
      post(server, endpoint, message, { ...headers, ...extra }),
  });
}

/** A response that is an event stream, read as the standard says, without reconnecting. */
export async function openEvents(
  server: Target,
  { body, ...options }: { method?: string; headers: Record<string, string>; path: string; body?: string },
) {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request(server, options, resolve).on('error', reject).end(body);
  });
  if (response.statusCode !== 200) {
    response.resume();
    throw new Error(`the stream was refused with ${response.statusCode}`);
  }

  const events: StreamEvent[] = [];
  const comments: string[] = [];
  /** Everything as it came. */
  const pieces: string[] = [];
  /** What came of an event that is not whole yet. Joined only when it is: events can have many megabytes. */
  let begun: string[] = [];
  /** Who waits for more. */
  const waiting = new Set<() => void>();
  let over = false;
  const wakeAll = () => {
    for (const wake of waiting) wake();
  };
  response.setEncoding('utf8');
  response.on('data', (chunk: string) => {
    pieces.push(chunk);
    const endsHere = chunk.includes('\n\n') || (chunk.startsWith('\n') && begun.at(-1)?.endsWith('\n'));
    begun.push(chunk);
    if (!endsHere) return;
    const frames = begun.join('').split('\n\n');
    begun = [frames.pop() as string];
    for (const frame of frames) {
      const lines = frame.split('\n');
      for (const line of lines) if (line.startsWith(':')) comments.push(line.slice(1).trim());
      const event = lines.find((line) => line.startsWith('event: '))?.slice(7) ?? '';
      const data = lines.filter((line) => line.startsWith('data: ')).map((line) => line.slice(6));
      const id = lines.find((line) => line.startsWith('id: '))?.slice(4) ?? '';
      if (data.length > 0) events.push({ event, data: data.join('\n'), id });
    }
    wakeAll();
  });
  const closed = new Promise<void>((resolve) => response.once('close', resolve));
  response.on('error', () => {}); // 'close' follows.
  closed.then(() => {
    over = true;
    wakeAll();
  });

  /** Resolves when more came, the stream is over, or the time is up. */
  async function more(within: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    let wake = () => {};
    await new Promise<void>((resolve) => {
      wake = resolve;
      waiting.add(wake);
      timer = setTimeout(resolve, within);
    });
    waiting.delete(wake);
    clearTimeout(timer);
  }

  /** Takes the first event that fits and has not been taken yet. */
  async function next(
    fits: (event: StreamEvent) => boolean = () => true,
    within = 5000,
  ): Promise<StreamEvent> {
    const deadline = Date.now() + within;
    for (;;) {
      const index = events.findIndex(fits);
      if (index >= 0) return events.splice(index, 1)[0] as StreamEvent;
      if (over) throw new Error('the stream ended before such an event came');
      if (Date.now() >= deadline) throw new Error(`no such event within ${within} ms`);
      await more(deadline - Date.now());
    }
  }

  return {
    response,
    events,
    comments,
    next,
    /** The next JSON-RPC message, or the one with this id. */
    async message(id?: number | string, within?: number) {
      const { data } = await next(
        ({ event, data }) => event === 'message' && (id === undefined || JSON.parse(data).id === id),
        within,
      );
      return JSON.parse(data);
    },
    /** The next notification with this method. */
    async notification(method: string, within?: number) {
      const { data } = await next(
        ({ event, data }) => event === 'message' && JSON.parse(data).method === method,
        within,
      );
      return JSON.parse(data);
    },
    /** The next comment. */
    async comment(within = 5000): Promise<string> {
      const deadline = Date.now() + within;
      while (comments.length === 0) {
        if (over || Date.now() >= deadline) throw new Error(`no comment within ${within} ms`);
        await more(deadline - Date.now());
      }
      return comments.shift() as string;
    },
    text: () => pieces.join(''),
    closed,
    get isOver() {
      return over;
    },
    close: () => response.destroy(),
  };
}

/** One request as it goes over the wire; HTTP/1.1 needs a Host, so there is one unless `headers` has it. */
export function rawRequest(
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body = '',
): string {
  const length: Record<string, string> =
    body === '' ? {} : { 'Content-Length': String(Buffer.byteLength(body)) };
  const lines = Object.entries({ Host: 'localhost', ...length, ...headers }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  return `${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body}`;
}

/** The answers in what came over a connection. */
export function parseAnswers(text: string): Answer[] {
  const answers: Answer[] = [];
  let rest = Buffer.from(text);
  while (rest.length > 0) {
    const end = rest.indexOf('\r\n\r\n');
    const [statusLine = '', ...lines] = rest.subarray(0, Math.max(0, end)).toString().split('\r\n');
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1]);
    if (Number.isNaN(status)) throw new Error(`not an HTTP answer: ${rest.toString().slice(0, 200)}`);
    const headers = Object.fromEntries(
      lines.map((line) => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
      }),
    );
    const length = Number(headers['content-length'] ?? 0);
    answers.push({ status, headers, body: rest.subarray(end + 4, end + 4 + length).toString() });
    rest = rest.subarray(end + 4 + length);
  }
  return answers;
}

/** Writes bytes to a connection of its own, and takes the answers that came until the server closed it. */
export async function exchange(server: Target, bytes: string | Buffer): Promise<Answer[]> {
  const connection = await rawConnection(server);
  connection.write(bytes);
  return parseAnswers(await connection.end());
}

/** A value of the metrics page; 0 when it is not there. */
export async function metric(
  server: Target,
  name: string,
  headers: Record<string, string> = {},
): Promise<number> {
  const { body } = await send(server, 'GET', '/metrics', { headers });
  const line = body.split('\n').find((line) => line.startsWith(`${name} `));
  return Number(line?.slice(name.length + 1) ?? 0);
}

/** Asks again and again until the answer fits; for what a server does without telling anybody. */
export async function eventually<T>(
  ask: () => Promise<T>,
  fits: (answer: T) => boolean,
  within = 5000,
): Promise<T> {
  const deadline = Date.now() + within;
  for (;;) {
    const answer = await ask();
    if (fits(answer)) return answer;
    if (Date.now() >= deadline) throw new Error(`after ${within} ms it is still ${JSON.stringify(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
