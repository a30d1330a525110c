// The load generator: MCP clients on raw sockets, in a process of its own so that the server is what is measured.
// Each reply is checked: right id, right session, right text. `load-process.js` starts it and gives it commands.
import { connect } from 'node:net';

const handshakeTimeoutMs = 20_000;
/** Milliseconds that calls may be answered late after a measurement. */
const drainMs = 5000;

/** Set by the command `target`: host, port, path of the stream, and the callers that sessions belong to in turn. */
let target;
const clients = [];
/** Calls that are not answered yet, by id. Ids are unique over all sessions, so a mix-up cannot go unnoticed. */
const pending = new Map();
let nextId = 1;
const problems = { count: 0, first: undefined };
/** The measurement that is running, if one is. */
let run;

const commands = { target: setTarget, open, calls, large, flood, cut, close };

process.on('message', async ({ id, command, options }) => {
  const report = (event) => process.send({ id, event });
  try {
    process.send({ id, result: (await commands[command](options, report)) ?? {} });
  } catch (error) {
    process.send({ id, error: error.message });
  }
});

function setTarget(options) {
  target = options;
}

/** Opens sessions until there are `total`: stream, `initialize`, `notifications/initialized`. */
async function open({ total, concurrency = 32 }) {
  const startedAt = performance.now();
  const before = clients.length;
  let next = before;
  const lanes = Math.min(concurrency, total - before);
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      // Handshakes share connections; a session that calls gets its own (see `calls`).
      const posts = new Map();
      while (next < total) {
        const index = next++;
        const caller = target.callers[index % target.callers.length];
        const key = caller.localAddress ?? '';
        if (!posts.has(key)) posts.set(key, await dialPosts(caller));
        clients[index] = await openClient(index, caller, posts.get(key));
      }
      for (const socket of posts.values()) socket.destroy();
    }),
  );
  const seconds = (performance.now() - startedAt) / 1000;
  return { opened: total - before, seconds };
}

function openClient(index, caller, posts) {
  return target.path === '/mcp' ? openHttpClient(index, caller, posts) : openSseClient(index, caller, posts);
}

async function openSseClient(index, caller, posts) {
  const client = { index, caller, endpoint: undefined, stream: await dial(caller), posts };
  const opened = withTimeout(
    new Promise((resolve, reject) => {
      client.onEndpoint = resolve;
      client.stream.once('close', () => reject(new Error('a stream was closed')));
    }),
    'no endpoint event',
  );
  readEvents(client.stream, (frame) => onEvent(client, frame));
  client.stream.on('close', () => {
    client.closed = true;
  });
  client.stream.write(`GET ${target.path} HTTP/1.1\r\n${headersOf(caller)}Accept: text/event-stream\r\n\r\n`);
  await opened;

  const protocolVersion = '2024-11-05';
  const clientInfo = { name: 'load', version: '1.0.0' };
  await request(client, 'initialize', { protocolVersion, capabilities: {}, clientInfo });
  post(client, { jsonrpc: '2.0', method: 'notifications/initialized' });
  client.posts = undefined;
  return client;
}

/** A session of Streamable HTTP, with the stream of its own open: replies come on the responses to its POSTs. */
async function openHttpClient(index, caller, posts) {
  const client = { index, caller, endpoint: target.path, session: '', posts };
  const clientInfo = { name: 'load', version: '1.0.0' };
  await request(client, 'initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo });
  client.session = `Mcp-Session-Id: ${posts.sessionId}\r\nMCP-Protocol-Version: 2025-11-25\r\n`;
  post(client, { jsonrpc: '2.0', method: 'notifications/initialized' });
  client.stream = await dial(caller);
  const opened = new Promise((resolve) => client.stream.once('data', resolve));
  client.stream.write(
    `GET ${target.path} HTTP/1.1\r\n${headersOf(caller)}${client.session}Accept: text/event-stream\r\n\r\n`,
  );
  await withTimeout(opened, 'no stream');
  client.posts = undefined;
  return client;
}

/** Cuts what comes on a connection into events. How they are framed as chunks makes no difference. */
function readEvents(socket, onFrame) {
  let text = '';
  let searched = 0;
  socket.setEncoding('utf8');
  socket.on('data', (chunk) => {
    text += chunk;
    let start = 0;
    let end = text.indexOf('\n\n', searched);
    while (end >= 0) {
      onFrame(text.slice(start, end));
      start = end + 2;
      end = text.indexOf('\n\n', start);
    }
    text = text.slice(start);
    searched = Math.max(0, text.length - 1);
  });
}

function dataOf(frame) {
  const at = frame.indexOf('data: ');
  if (at < 0) return '';
  const end = frame.indexOf('\n', at);
  return end < 0 ? frame.slice(at + 6) : frame.slice(at + 6, end);
}

function onEvent(client, frame) {
  const data = dataOf(frame);
  if (data === '') return;
  if (client.endpoint === undefined) {
    client.endpoint = data.trim().replace(/^https?:\/\/[^/]+/, '');
    client.onEndpoint();
    return;
  }
  onMessage(client, data);
}

/** @param client whose stream it came on; undefined for the response to a POST, which several may have in turn */
function onMessage(client, data) {
  if (data === '' || client?.flooded) return; // How the others fare is what counts.
  const message = JSON.parse(data);
  if (message.method !== undefined) return;
  const call = pending.get(message.id);
  if (call === undefined || (client && call.client !== client)) {
    problem(`a reply came to the wrong session, or twice: id ${message.id}`);
    return;
  }
  pending.delete(message.id);
  call.answer(message);
}

/** Sends one request and resolves with its result. */
function request(client, method, params) {
  const id = nextId++;
  const answered = new Promise((resolve, reject) => {
    const answer = ({ result, error }) => (result ? resolve(result) : reject(new Error(error?.message)));
    pending.set(id, { client, answer });
  });
  post(client, { jsonrpc: '2.0', id, method, params });
  return withTimeout(answered, `no reply to ${method}`);
}

/**
 * Calls `echo` on the first `sessions` sessions for `seconds`, after `warmup` seconds that do not count.
 * With a `rate` the loop is open: calls start on schedule whatever the server does, and latency counts from the
 * intended start. Without one it is closed: each session starts its next call when the last one is answered.
 *
 * @param toTheLast counts each call that was to start in that time, however late its answer comes, and one without an answer for as
 *   long as it was waited for; and leaves other programs the core meanwhile
 */
async function calls(
  { sessions, rate = 0, seconds, warmup = 0.5, textBytes = 64, toTheLast = false },
  report,
) {
  const active = clients.slice(0, sessions);
  for (const client of active) client.posts ??= await dialPosts(client.caller);
  run = {
    active,
    rate,
    filler: 'x'.repeat(textBytes),
    latencies: [],
    counting: false,
    stopped: false,
    toTheLast,
    begunAt: Number.POSITIVE_INFINITY,
    endedAt: Number.POSITIVE_INFINITY,
  };
  problems.count = 0;
  problems.first = undefined;

  if (rate > 0) startOpenLoop(run);
  else for (const client of active) begin(client, performance.now());

  await sleep(warmup * 1000);
  report('begin');
  const cpuBefore = process.cpuUsage();
  run.begunAt = performance.now();
  run.counting = true;
  await sleep(seconds * 1000);
  run.counting = false;
  run.endedAt = performance.now();
  const elapsed = (run.endedAt - run.begunAt) / 1000;
  const cpu = process.cpuUsage(cpuBefore);
  report('end');
  run.stopped = true;
  const unanswered = await drain();
  if (toTheLast) for (const { intended } of unanswered) count(run, intended);
  return {
    ...summary(run.latencies),
    callsPerSecond: run.latencies.length / elapsed,
    unanswered: unanswered.length,
    errors: problems.count,
    firstError: problems.first,
    /** Near 1 the load generator, not the server, is what limits the rate. */
    loadGeneratorCpu: (cpu.user + cpu.system) / 1e6 / elapsed,
  };
}

/** Waits until everything is answered, or a while. @returns the calls that are not */
async function drain() {
  const deadline = performance.now() + drainMs;
  do await sleep(50);
  while (pending.size > 0 && performance.now() < deadline);
  const left = [...pending.values()];
  pending.clear();
  return left;
}

function startOpenLoop(own) {
  const { active, rate } = own;
  const startedAt = performance.now();
  let begun = 0;
  const startWhatIsDue = () => {
    if (own.stopped) return;
    const due = ((performance.now() - startedAt) / 1000) * rate;
    for (; begun <= due; begun++) begin(active[begun % active.length], startedAt + (begun * 1000) / rate);
    // A timer would be late by up to a millisecond, which is most of what is measured without an attack.
    if (own.toTheLast) setTimeout(startWhatIsDue, 1);
    else setImmediate(startWhatIsDue);
  };
  startWhatIsDue();
}

function begin(client, intended) {
  const own = run;
  const id = nextId++;
  const text = `${id}-${client.index}-${own.filler}`;
  const answer = (message) => {
    if (message.result?.content?.[0]?.text !== text)
      problem(`a wrong reply: ${JSON.stringify(message).slice(0, 200)}`);
    count(own, intended);
    if (own.rate === 0 && !own.stopped) begin(client, performance.now());
  };
  pending.set(id, { client, answer, intended });
  post(client, callOf(id, text));
}

function count(own, intended) {
  const counts = own.toTheLast ? intended >= own.begunAt && intended < own.endedAt : own.counting;
  if (counts) own.latencies.push(performance.now() - intended);
}

/** Messages of `bytes` bytes, one after the other on one session. */
async function large({ bytes, count }) {
  const client = clients[0];
  client.posts ??= await dialPosts(client.caller);
  const text = 'x'.repeat(bytes - JSON.stringify(callOf(1_000_000, '')).length);
  const latencies = [];
  for (let index = 0; index < count; index++) {
    const startedAt = performance.now();
    const result = await request(client, 'tools/call', { name: 'echo', arguments: { text } });
    if (result.content?.[0]?.text !== text) throw new Error('a large message came back changed');
    latencies.push(performance.now() - startedAt);
  }
  return summary(latencies);
}

/**
 * `count` calls with `bytes` bytes each, `perSecond` of them a second, on the last session. Unless it `reads`,
 * nothing of what comes back is taken from the socket until the end.
 */
async function flood({ bytes, count, perSecond, reads }) {
  const client = clients.at(-1);
  client.posts ??= await dialPosts(client.caller);
  client.flooded = true;
  if (!reads) client.stream.pause();
  const text = 'x'.repeat(bytes);
  for (let index = 0; index < count; index++) {
    post(client, callOf(nextId++, text));
    await sleep(1000 / perSecond);
  }
  if (!reads) client.stream.resume(); // Only now can the end of the stream be seen, if there was one.
  await sleep(500);
  return { cut: client.closed === true };
}

/** Cuts all streams at once, as a network that fails does. */
async function cut() {
  for (const client of clients) client.stream.destroy();
}

/** Closes the sessions after the first `keep`. */
async function close({ keep }) {
  for (const client of clients.splice(keep)) {
    client.stream.destroy();
    client.posts?.destroy();
  }
}

function callOf(id, text) {
  return { jsonrpc: '2.0', id, method: 'tools/call', params: { name: 'echo', arguments: { text } } };
}

function post(client, message) {
  const body = JSON.stringify(message);
  client.posts.write(
    `POST ${client.endpoint} HTTP/1.1\r\n${headersOf(client.caller)}${client.session ?? ''}Content-Type: application/json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

/** The lines that all requests of a caller have in common, put together once. */
function headersOf(caller) {
  caller.lines ??= Object.entries({ Host: `${target.host}:${target.port}`, ...caller.headers })
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
  return caller.lines;
}

/** A connection to POST on. Over SSE replies come on the stream, and only refusals are of interest here. */
async function dialPosts(caller) {
  const socket = await dial(caller);
  if (target.path === '/mcp') readEvents(socket, (frame) => onMessage(undefined, dataOf(frame)));
  else socket.setEncoding('latin1');
  socket.on('data', (text) => {
    const refusals = text.match(/HTTP\/1\.1 (?!20[02])\d.*/g);
    if (refusals) for (const refusal of refusals) problem(refusal);
    const [, sessionId] = /mcp-session-id: (\S+)/i.exec(text) ?? [];
    if (sessionId !== undefined) socket.sessionId = sessionId;
  });
  return socket;
}

function dial({ localAddress }) {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: target.host, port: target.port, localAddress, noDelay: true });
    socket.once('connect', () => resolve(socket));
    socket.once('error', reject);
    socket.on('error', () => {}); // What a closed connection means, those who wait for a reply find out.
  });
}

function problem(text) {
  problems.count++;
  problems.first ??= text;
}

function summary(latencies) {
  const sorted = latencies.sort((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? null;
  return { calls: sorted.length, p50: at(0.5), p99: at(0.99), p999: at(0.999) };
}

function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function withTimeout(promise, message) {
  let timer;
  const timeout = new Promise((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`${message} in ${handshakeTimeoutMs / 1000} s`)),
      handshakeTimeoutMs,
    );
  });
  return Promise.race([promise, timeout]).finally(() => clearTimeout(timer));
}
