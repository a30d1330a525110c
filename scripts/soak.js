// Sessions that open, call, stall and vanish at random, for two minutes, at a generated server, and a quarter as many
// attackers beside them. At the end every reply must have reached the client that asked, and the server must hold no more than before.
//
//   node scripts/soak.js [--seconds 120] [--sessions 2000] [--project directory]
//   node scripts/soak.js --come-and-go 10000 [--callers 1] [--project directory]
//
// The second form has so many clients come one after the other, 50 at a time, make one call each in a session of its own
// as Home Assistant does, and leave; their sessions wait for RESUME_SECONDS (30). It prints what that costs.
//
// Without --project it makes one (needs `npm run build`). The project's MCP server is the one that the tests use.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { compileProject } from './compile-project.js';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '120' },
    sessions: { type: 'string', default: '2000' },
    project: { type: 'string' },
    'come-and-go': { type: 'string' },
    callers: { type: 'string', default: '1' },
  },
});
const seconds = Number(values.seconds);
const sessions = Number(values.sessions);

/** What attackers send: bytes, or what makes them of the URL of a session's messages. */
const ones = `[${'1,'.repeat(90_000)}1]`;
const called = (name, args, id = 1) =>
  `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"${name}","arguments":${args}}}`;
const attacks = [
  '',
  'GET /sse HT',
  '\x16\x03\x01\x02\x00\x01',
  'GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(150),
  posted('/mcp', 'x'.repeat(100_000), 3_000_000),
  posted('/mcp', '1\r\nx\r\n'.repeat(5000), null),
  posted('/mcp', `[${'['.repeat(200_000)}`),
  posted('/mcp', called('texts', `{"texts":${ones}}`)),
  posted('/mcp', called('hang', '{}')),
  posted('/mcp', `{"jsonrpc":"2.0","id":"${'x'.repeat(500_000)}","method":"ping"}`),
  (path) => posted(path, called('hang', '{}')).repeat(60),
  (path) => posted(path, called('texts', `{"texts":${ones}}`)),
  (path) => posted(path, called('flood', '{"messages":100,"bytes":65536}')),
  (path) => posted(path, 'x'.repeat(1000), 2000),
];

/** Milliseconds that a reply may take on a busy machine. */
const patience = 20_000;

/** Bytes that the heap may have grown by: less than 1 KB for each session at once would leave. */
const heapTolerance = 4 * 1024 ** 2;

const counts = {
  opened: 0,
  calls: 0,
  replies: 0,
  cut: 0,
  endured: 0,
  vanished: 0,
  attacks: 0,
  lost: 0,
  crossed: 0,
  failed: 0,
};
/** Who wants to know why a session ended, by the id that the log has of it. */
const endings = new Map();
const logId = (path) => path.split('=')[1].slice(0, 8);

const megabytes = (bytes) => `${(bytes / 1024 ** 2).toFixed(1)} MB`;

const agent = new Agent({ keepAlive: true, maxSockets: 200 });

const project = values.project ?? (await makeProject());
const { server, port } = await startServer(project);
if (values['come-and-go']) await comeAndGo(Number(values['come-and-go']), Number(values.callers));
await crowd(Math.min(3, seconds)); // Code is compiled, pools are filled: what the server holds from now on is its own.
const before = await inside();
await crowd(seconds);
const after = await inside();
server.kill();
const [code] = await once(server, 'exit');

const grown = after.heapUsed - before.heapUsed;
const held = ['Timeout', 'TCPSocketWrap'].map(
  (kind) => (after.resources[kind] ?? 0) - (before.resources[kind] ?? 0),
);
const open = after.mcpServersMade - after.mcpServersClosed - 1; // Without the one that looked.
console.log(
  `${counts.opened} sessions, ${counts.calls} calls, ${counts.cut} slow readers cut, ${counts.vanished} vanished, ${counts.attacks} attacks`,
);
console.log(
  `replies: ${counts.replies} to who asked, ${counts.lost} lost, ${counts.crossed} crossed; ${counts.failed} connections failed`,
);
console.log(`left: ${open} sessions, ${held[0]} timers, ${held[1]} connections, ${megabytes(grown)} of heap`);
console.log(
  `memory: ${megabytes(before.rss)} before, ${megabytes(after.peakRss)} at most, ${megabytes(after.rss)} after`,
);

const failures = [
  counts.lost > 0 && 'replies were lost',
  counts.crossed > 0 && 'replies came to somebody else',
  counts.endured > 0 && 'readers that do not read were not cut',
  counts.replies === 0 && 'nothing was called',
  counts.attacks === 0 && 'nothing was attacked',
  counts.failed > counts.opened / 100 && 'connections failed',
  open !== 0 && 'sessions were left open',
  held.some((count) => count > 5) && 'timers or connections were left open',
  grown > heapTolerance && 'the heap has grown',
  code !== 0 && `the server ended with ${code}`,
].filter(Boolean);
for (const failure of failures) console.error(`✗ ${failure}`);
process.exit(failures.length > 0 ? 1 : 0);

/** Has clients come, call once and leave, and ends the program with what it cost. */
async function comeAndGo(clients, callers) {
  const before = await inside();
  let most = 0;
  let next = 0;
  const started = performance.now();
  await Promise.all(
    Array.from({ length: 50 }, async () => {
      while (next < clients) {
        const number = next++;
        // Each caller is an address, as a proxy would name it.
        const caller = number % callers;
        const session = await openSession({
          'X-Forwarded-For': `10.${caller >> 16}.${(caller >> 8) & 255}.${caller & 255}`,
        });
        await session.echo();
        session.close();
        if (number % 100 === 0) most = Math.max(most, await gauge('mcp_sessions_waiting'));
      }
    }),
  );
  const seconds = (performance.now() - started) / 1000;
  const waiting = await gauge('mcp_sessions_waiting');
  const full = await insideNow();
  await wait(31_000); // Longer than RESUME_SECONDS.
  const after = await inside();
  const each = (full.heapUsed - before.heapUsed) / Math.max(1, waiting) / 1024;
  console.log(
    `${clients} clients of ${callers} callers in ${seconds.toFixed(0)} s: ${counts.replies} of ${counts.calls} calls answered`,
  );
  console.log(
    `sessions that wait: ${most} at most, ${waiting} at the end, ${await gauge('mcp_sessions_waiting')} after 31 s`,
  );
  console.log(
    `heap: ${megabytes(before.heapUsed)} before, ${megabytes(full.heapUsed)} at the end (${each.toFixed(0)} KB for each that waits), ${megabytes(after.heapUsed)} after 31 s`,
  );
  console.log(`memory: ${megabytes(before.rss)} before, ${megabytes(after.peakRss)} at most`);
  server.kill();
  process.exit(counts.replies === clients && after.heapUsed - before.heapUsed < heapTolerance ? 0 : 1);
}

/** A value of the metrics page. */
async function gauge(name) {
  const page = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  return Number(new RegExp(`^${name} (.*)$`, 'm').exec(page)?.[1]);
}

/** Keeps as many sessions as asked for busy until the time is up, then lets all of them go. */
async function crowd(seconds) {
  const end = Date.now() + seconds * 1000;
  await Promise.all(
    Array.from({ length: sessions }, async (_, i) => {
      await wait((i / sessions) * 1000); // Not all at one moment.
      // A machine that is too busy resets connections: that is counted, and tolerated when it is rare.
      while (Date.now() < end) {
        if (i % 4 === 0)
          await attack().catch(() => {}); // Refused, as it should be.
        else await live().catch(() => counts.failed++);
      }
    }),
  );
}

/** An attack of one kind, from an address of its own: its limits are not those of the others. */
async function attack() {
  counts.attacks++;
  const bytes = attacks[Math.floor(Math.random() * attacks.length)];
  const socket = connect({ port, host: '127.0.0.1', localAddress: '127.0.0.2' });
  socket.on('error', () => {});
  try {
    await once(socket, 'connect');
    if (typeof bytes === 'string') return await hold(socket, bytes);
    socket.write('GET /sse HTTP/1.1\r\nHost: localhost\r\n\r\n');
    const [data] = await Promise.race([once(socket, 'data'), once(socket, 'close')]);
    socket.pause();
    const [, path = '/messages'] = /data: (\S+)/.exec(data) ?? [];
    const posting = connect({ port, host: '127.0.0.1', localAddress: '127.0.0.2' });
    await hold(posting.on('error', () => {}).resume(), bytes(path));
  } finally {
    socket.destroy();
  }
}

/** Sends bytes, and leaves some time later. */
async function hold(socket, bytes) {
  socket.write(bytes);
  await wait(Math.random() * 3000);
  socket.destroy();
}

/** One session, from its beginning to its end. */
async function live() {
  const session = await openSession();
  const fate = Math.random();
  try {
    if (fate < 0.01) await stall(session);
    else if (fate < 0.2) await vanish(session);
    else if (fate < 0.3) await wait(Math.random() * 5000);
    else await converse(session);
  } finally {
    session.close();
  }
}

/** Calls, some at once, and expects each reply once. */
async function converse(session) {
  for (let round = 1 + Math.floor(Math.random() * 4); round > 0 && !session.over; round--) {
    await Promise.all(Array.from({ length: 1 + Math.floor(Math.random() * 3) }, () => session.echo()));
    await wait(Math.random() * 1000);
  }
}

/** Reads no more and is sent more than the kernel takes; the server must get rid of it. */
async function stall(session) {
  session.response.pause();
  await session.call('flood', { messages: 300, bytes: 64 * 1024 });
  const reason = await Promise.race([session.ended, wait(patience)]);
  if (reason === 'reader_too_slow' || reason === 'reader_stalled') counts.cut++;
  else counts.endured++;
}

/** Leaves in the middle of calls, or of a message. */
async function vanish(session) {
  await Promise.all([session.call('hang', {}), session.call('echo', { text: 'nobody hears' })]);
  const half = request({ port, method: 'POST', path: session.endpoint, headers: { 'Content-Length': 1000 } });
  half.on('error', () => {});
  half.write('{"jsonrpc"');
  await wait(Math.random() * 100);
  half.destroy();
  counts.vanished++;
}

async function openSession(headers = {}) {
  const opening = request({ port, path: '/sse', agent: false, headers }).end();
  const [response] = await once(opening, 'response');
  if (response.statusCode !== 200) throw new Error(`the stream was refused with ${response.statusCode}`);
  counts.opened++;
  const waiting = new Map();
  let over = false;
  let nextId = 0;
  let found;
  const endpoint = new Promise((resolve) => {
    found = resolve;
  });
  createInterface({ input: response }).on('line', (line) => {
    if (!line.startsWith('data: ')) return;
    if (line.startsWith('data: /')) return found(line.slice(6));
    const message = JSON.parse(line.slice(6));
    if (message.method !== undefined) return;
    const settle = waiting.get(message.id);
    if (settle) settle(message);
    else counts.crossed++;
  });
  response.on('error', () => {});
  response.once('close', () => {
    over = true;
  });

  const path = await endpoint;
  const session = {
    response,
    endpoint: path,
    /** Resolves with why the session ended, from the server's log: who does not read does not see it. */
    ended: new Promise((resolve) => endings.set(logId(path), resolve)),
    get over() {
      return over;
    },
    /** Calls a tool; resolves with the reply, once the call has been accepted. */
    async call(name, args) {
      const id = `${path.slice(-12)}-${nextId++}`;
      const reply = new Promise((resolve) => waiting.set(id, resolve));
      await post(path, { id, method: 'tools/call', params: { name, arguments: args } });
      return { reply, forget: () => waiting.delete(id) };
    },
    async echo() {
      const text = `${path} says ${Math.random()}`;
      counts.calls++;
      const { reply, forget } = await session.call('echo', { text });
      const timer = new AbortController();
      const message = await Promise.race([reply, wait(patience, undefined, { signal: timer.signal })]);
      timer.abort();
      forget(); // Should it come twice, the second one belongs to nobody.
      if (message === undefined) counts.lost++;
      else if (message.result?.content[0].text === text) counts.replies++;
      else counts.crossed++;
    },
    close: () => response.destroy(),
  };
  return session;
}

/** A POST as it goes over the wire. */
function posted(path, body, length = Buffer.byteLength(body)) {
  const head = `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n`;
  const framing = length === null ? 'Transfer-Encoding: chunked' : `Content-Length: ${length}`;
  return `${head}Accept: */*\r\n${framing}\r\n\r\n${body}`;
}

async function post(path, message) {
  const body = JSON.stringify({ jsonrpc: '2.0', ...message });
  const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) };
  const posting = request({ port, method: 'POST', path, headers, agent });
  posting.end(body);
  const [response] = await once(posting, 'response');
  response.resume();
  await once(response, 'end');
  return response.statusCode;
}

/** What the server holds, when it holds nobody but who asks. */
async function inside() {
  agent.destroy(); // Connections that are kept for the next message are not the server's to close.
  for (const deadline = Date.now() + patience; ; ) {
    await wait(1500); // Longer than a session whose client left waits for it.
    const state = await insideNow();
    if (state.mcpServersMade - state.mcpServersClosed === 1 || Date.now() > deadline) return state;
  }
}

/** What the server holds at the moment. */
async function insideNow() {
  const session = await openSession();
  const { reply } = await session.call('inside', {});
  const { result } = await reply;
  session.close();
  return JSON.parse(result.content[0].text);
}

async function startServer(cwd) {
  const settings = {
    PORT: '0',
    RATE_LIMIT: '0',
    MAX_SESSIONS_PER_CLIENT: '10000',
    // All that are no attackers are one address, and here one client.
    MAX_CONNECTIONS_PER_ADDRESS: '10000',
    MAX_CALLS_PER_CLIENT: '10000',
    STALL_TIMEOUT_SECONDS: '2',
    RESUME_SECONDS: '1',
    // The default, which this form measures.
    ...(values['come-and-go'] && { RESUME_SECONDS: '30', MAX_SESSIONS_PER_CLIENT: '100', TRUST_PROXY: '1' }),
  };
  const server = spawn(process.execPath, ['dist-with-test-tools/main.js'], {
    cwd,
    env: { PATH: process.env.PATH, LOG_LEVEL: 'info', LOG_FORMAT: 'json', ...settings },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  process.once('exit', () => server.kill('SIGKILL'));
  const url = await new Promise((resolve, reject) => {
    server.once('exit', () => reject(new Error('the server ended before it listened')));
    createInterface({ input: server.stdout }).on('line', (line) => {
      const { msg, url, session, reason } = JSON.parse(line);
      if (msg === 'listening') resolve(url);
      if (msg !== 'session closed') return;
      endings.get(session)?.(reason);
      endings.delete(session);
    });
  });
  return { server, port: Number(new URL(url).port) };
}

/** Renders and compiles a project without credentials, with the tools of the tests. */
async function makeProject() {
  const root = join(import.meta.dirname, '..');
  const { completeAnswers, render } = await import('../dist/index.js');
  const directory = join(root, '.rendered/soak');
  const setting = { cwd: root, packageManager: 'npm' };
  const answers = completeAnswers({ directory, auth: 'none', name: 'soak' }, setting);
  const outDir = 'dist-with-test-tools';
  compileProject(directory, await render(answers, { secret: '' }), outDir);
  cpSync(join(root, 'test/templates/support/mcp-server.js'), join(directory, outDir, 'mcp-server.js'));
  return directory;
}
