// One connection to the MCP server, over SSE or Streamable HTTP. Streams are read with fetch: EventSource sends no headers.

const protocolVersion = '2025-06-18';

/** The longest line of a stream that is read, in characters: more than the server sends in one message by default. */
const longestLine = 64 * 1024 * 1024;

/** Milliseconds after which a stream that was cut is opened again. */
const retryMs = 1000;

/** A request that the server refused before its message was read. */
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/**
 * Connects and initialises.
 *
 * @param {{ transport: 'sse' | 'streamable-http', url: string, headers: Record<string, string> }} server
 * @param {object} listener
 * @param {(direction: 'sent' | 'received', text: string) => void} listener.seen is told of every message
 * @param {(method: string) => void} listener.notified is told of the server's notifications
 * @param {(reason: string) => void} listener.ended is told when the server ends the connection
 * @throws {Refused} if the server does not let the page in
 */
export async function connect({ transport, url, headers }, { seen, notified, ended }) {
  const closing = new AbortController();
  /** Requests without a reply yet, by their id. */
  const waiting = new Map();
  /** Headers that the session asks for, once there is one. */
  const session = {};
  let lastId = 0;
  let messageUrl = url;

  async function ask(target, method, more, { body, signal } = {}) {
    const signals = signal ? AbortSignal.any([closing.signal, signal]) : closing.signal;
    const options = { method, headers: { ...headers, ...session, ...more }, body, signal: signals };
    const response = await fetch(target, { ...options, cache: 'no-store', credentials: 'same-origin' });
    if (response.ok) return response;
    const text = (await response.text()).slice(0, 10_000);
    // A session that is unknown has ended: it was idle for too long, or the server was started again.
    if (response.status === 404 && session['Mcp-Session-Id']) end('The session has ended.');
    throw new Refused(response.status, messageOf(text) ?? `${response.status} ${response.statusText}`);
  }

  async function post(message, signal) {
    const body = JSON.stringify(message);
    seen('sent', body);
    const types = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' };
    const response = await ask(messageUrl, 'POST', types, { body, signal });
    if (transport === 'sse') return void (await response.text()); // Until it is read, its connection is busy.
    const id = response.headers.get('Mcp-Session-Id');
    if (id) session['Mcp-Session-Id'] = id;
    const type = response.headers.get('Content-Type') ?? '';
    if (type.startsWith('text/event-stream')) await receiveAll(eventsOf(response.body));
    else {
      const text = await response.text();
      if (type.startsWith('application/json')) receive(text);
    }
    if (waiting.has(message.id)) throw new Error('The server ended its answer without a reply.');
  }

  async function receiveAll(events) {
    for await (const { event, data } of events) if (event === 'message') receive(data);
  }

  function receive(text) {
    seen('received', text);
    const parsed = JSON.parse(text);
    for (const message of Array.isArray(parsed) ? parsed : [parsed]) handle(message ?? {});
  }

  function handle({ id, method, params, result, error }) {
    if (method === 'notifications/progress') waiting.get(params?.progressToken)?.progressed?.(params);
    else if (typeof method === 'string' && id === undefined) notified(method);
    else if (typeof method === 'string') answer(id, method);
    else if (error)
      settle(id, (call) => call.reject(new Error(String(error.message ?? 'Error'), { cause: error })));
    else settle(id, (call) => call.resolve(result ?? {}));
  }

  function answer(id, method) {
    const reply =
      method === 'ping' ? { result: {} } : { error: { code: -32601, message: 'This page cannot do that' } };
    post({ jsonrpc: '2.0', id, ...reply }).catch(() => {}); // The server notices.
  }

  function settle(id, how) {
    const call = waiting.get(id);
    waiting.delete(id);
    if (call) how(call);
  }

  function failAll(reason) {
    for (const id of [...waiting.keys()]) settle(id, (call) => call.reject(new Error(reason)));
  }

  /**
   * @param {(progress: object) => void} [options.progressed] is told of the call's progress
   * @param {AbortSignal} [options.signal] cancels the call
   */
  function request(method, params = {}, { progressed, signal } = {}) {
    const id = ++lastId;
    const meta = progressed && { _meta: { progressToken: id } };
    const leaving = new AbortController();
    const reply = new Promise((resolve, reject) => waiting.set(id, { resolve, reject, progressed }));
    post({ jsonrpc: '2.0', id, method, params: { ...params, ...meta } }, leaving.signal).catch((error) =>
      settle(id, (call) => call.reject(error)),
    );
    signal?.addEventListener('abort', () => {
      if (!waiting.has(id)) return;
      settle(id, (call) => call.reject(new Error('Cancelled')));
      notify('notifications/cancelled', { requestId: id, reason: 'Cancelled on the page' });
      leaving.abort(); // Without a session, this is what tells the server.
    });
    return reply;
  }

  function notify(method, params) {
    return post({ jsonrpc: '2.0', method, ...(params && { params }) }).catch(() => {});
  }

  /** Reads a stream until its end; then nothing more can come over it. */
  function listen(events) {
    receiveAll(events).then(
      () => end('The server ended the stream.'),
      () => end('The connection to the server was lost.'),
    );
  }

  /** With a session, what the server sends on its own comes over a stream, which is opened again when it was cut. */
  async function keepListening() {
    while (!closing.signal.aborted) {
      try {
        const { body } = await ask(url, 'GET', { Accept: 'text/event-stream' });
        await receiveAll(eventsOf(body));
      } catch (error) {
        if (error instanceof Refused) return;
      }
      await new Promise((resolve) => setTimeout(resolve, retryMs));
    }
  }

  function end(reason) {
    if (closing.signal.aborted) return;
    closing.abort();
    failAll(reason);
    ended(reason);
  }

  async function openStream() {
    const { body } = await ask(url, 'GET', { Accept: 'text/event-stream' });
    const events = eventsOf(body);
    const { value } = await events.next();
    if (value?.event !== 'endpoint') throw new Error('The stream does not begin with an endpoint.');
    const endpoint = new URL(value.data, location.href);
    if (endpoint.origin !== location.origin) throw new Error('The endpoint is on another server.');
    messageUrl = endpoint.href;
    listen(events);
  }

  async function close() {
    const leave = { method: 'DELETE', headers: { ...headers, ...session }, keepalive: true };
    closing.abort();
    failAll('Disconnected');
    if (session['Mcp-Session-Id']) await fetch(url, leave).catch(() => {});
  }

  try {
    if (transport === 'sse') await openStream();
    const clientInfo = { name: 'page', version: '1.0.0' };
    const server = await request('initialize', { protocolVersion, capabilities: {}, clientInfo });
    if (transport !== 'sse') session['MCP-Protocol-Version'] = String(server.protocolVersion);
    await notify('notifications/initialized');
    if (session['Mcp-Session-Id']) keepListening();
    return { server, request, close };
  } catch (error) {
    close();
    throw error;
  }
}

function messageOf(text) {
  try {
    return String(JSON.parse(text).error.message);
  } catch {
    return undefined;
  }
}

/** https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation */
async function* eventsOf(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  let event = 'message';
  let data = [];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    rest += value;
    if (rest.length > longestLine) throw new Error('The server sent a line that is too long.');
    if (!value.includes('\n')) continue;
    const lines = rest.split(/\r?\n/);
    rest = lines.pop();
    for (const line of lines) {
      if (line.startsWith('event:')) event = line.slice(6).trim();
      else if (line.startsWith('data:')) data.push(line.slice(line[5] === ' ' ? 6 : 5));
      if (line !== '') continue;
      if (data.length > 0) yield { event, data: data.join('\n') };
      event = 'message';
      data = [];
    }
  }
}
