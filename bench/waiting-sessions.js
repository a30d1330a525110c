// Measures what a session holds that waits for its client, next to one whose client is connected: alone, and as one of
// several processes that share a Redis.
//
//   npm run build && node bench/waiting-sessions.js
//
// Needs redis-server. The server runs in this process, so that its heap can be read after garbage is collected; its clients
// run in a process of their own.
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { connect, createServer as createSocket } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { completeAnswers, render } from '../dist/index.js';
import { compileProject } from '../scripts/compile-project.js';

const sessions = 1000;

if (process.argv[2] === 'clients') beClients();
else await measure();

async function measure() {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc');
  const root = resolve(import.meta.dirname, '..');
  const redisPort = await freePort();
  const quiet = ['--save', '', '--appendonly', 'no'];
  const redis = spawn('redis-server', ['--port', String(redisPort), '--bind', '127.0.0.1', ...quiet], {
    stdio: 'ignore',
  });
  process.on('exit', () => redis.kill());

  for (const relay of ['none', 'redis']) {
    const project = join(root, `.rendered/waiting-${process.pid}-${relay}`);
    process.on('exit', () => rmSync(project, { recursive: true, force: true }));
    const answers = { auth: 'none', directory: project, name: 'waiting', relay };
    const files = await render(completeAnswers(answers, { cwd: root, packageManager: 'npm' }), {
      secret: '',
    });
    compileProject(project, files);
    const server = await startServer(project, relay === 'redis' ? redisPort : undefined);
    const clients = fork(import.meta.filename, ['clients', server.url()]);

    async function heap() {
      await sleep(500);
      for (let i = 0; i < 3; i++) gc();
      const { heapUsed, external } = process.memoryUsage();
      return heapUsed + external;
    }
    async function order(what, count) {
      clients.send({ what, count });
      await once(clients, 'message');
    }
    async function waiting(count) {
      while (server.sessions.waiting < count) await sleep(50);
    }

    // Code is compiled, pools are filled.
    await order('open', 100);
    await order('cut', 100);
    await waiting(100);
    server.endSessionsOf('127.0.0.1');
    const before = await heap();
    await order('open', sessions);
    const idle = await heap();
    await order('cut', sessions);
    await waiting(sessions);
    const cut = await heap();
    const each = (bytes) => `${((bytes - before) / sessions / 1024).toFixed(1)} KB`;
    console.log(
      `${relay === 'redis' ? 'with the relay' : 'one process'}: idle ${each(idle)}, waiting ${each(cut)}`,
    );
    clients.kill();
    await server.close();
  }
  process.exit();
}

/** The server of a project, in this process. */
async function startServer(project, redisPort) {
  const load = (file) => import(pathToFileURL(join(project, 'dist', file)).href);
  const { Environment } = await load('settings/environment.js');
  const env = new Environment({
    PORT: '0',
    RESUME_SECONDS: '3600',
    SHUTDOWN_SECONDS: '1',
    MAX_SESSIONS_PER_CLIENT: '10000',
    MAX_CONNECTIONS_PER_ADDRESS: '10000',
    RATE_LIMIT: '0',
    ...(redisPort && { REDIS_URL: `redis://127.0.0.1:${redisPort}` }),
  });
  const config = (await load('config.js')).loadConfig(env);
  const log = { debug() {}, info() {}, warn() {}, error: console.error };
  const { createMcpServer } = await load('mcp-server.js');
  const others = redisPort && (await load('relay/connect.js')).connectToOthers(config, log);
  const server = (await load('server.js')).createServer({
    config,
    createMcpServer: (caller) => createMcpServer({ app: {}, caller }),
    ...others,
    log,
    metrics: (await load('monitoring/metrics.js')).createMetrics(),
  });
  await server.listen();
  while (others?.relay.problem !== undefined) await sleep(20);
  return server;
}

/** Opens sessions and initialises them, or cuts their streams, as it is told. */
function beClients() {
  const { port, pathname } = new URL(process.argv[3]);
  const streams = [];
  process.on('message', async ({ what, count }) => {
    if (what === 'cut') for (const stream of streams.splice(0, count)) stream.destroy();
    else for (let i = 0; i < count; i++) streams.push(await open());
    process.send('done');
  });

  async function open() {
    const socket = connect(Number(port), '127.0.0.1');
    let text = '';
    socket.on('data', (data) => {
      if (text.length < 10_000) text += data;
    });
    const until = async (pattern) => {
      while (!pattern.test(text)) await once(socket, 'data');
      return pattern.exec(text);
    };
    socket.write(`GET ${pathname.replace(/\/$/, '')}/sse HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
    const [, path] = await until(/data: (\/\S+)/);
    const params = {
      protocolVersion: '2025-11-25',
      capabilities: { elicitation: {}, sampling: {}, roots: {} },
      clientInfo: { name: 'bench', version: '1.0.0' },
    };
    await post(path, { jsonrpc: '2.0', id: 0, method: 'initialize', params });
    await until(/"protocolVersion"/);
    await post(path, { jsonrpc: '2.0', method: 'notifications/initialized' });
    return socket;
  }

  const post = (path, message) =>
    fetch(`http://127.0.0.1:${port}${path}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(message),
    }).then((response) => response.text());
}

async function freePort() {
  const socket = createSocket().listen(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
}
