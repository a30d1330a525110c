// Measures what a session holds that waits for its client, next to one whose client is connected: alone, and as one of
// several processes that share a Redis.
//
//   npm run build && node bench/waiting-sessions.js
//
// Needs redis-server. The server runs in this process, so that its heap can be read after garbage is collected; its clients
// run in a process of their own.
import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { completeAnswers, render } from '../dist/index.js';
import { compileProject } from '../scripts/compile-project.js';
import { startLoad } from './load-process.js';
import { freePort } from './server-process.js';

const sessions = 1000;

await measure();

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
    const load = await startLoad({ port: new URL(server.url()).port, callers: [{}] });

    async function heap() {
      await sleep(500);
      for (let i = 0; i < 3; i++) gc();
      const { heapUsed, external } = process.memoryUsage();
      return heapUsed + external;
    }
    async function waiting(count) {
      while (server.sessions.waiting < count) await sleep(50);
    }

    // Code is compiled, pools are filled.
    await load.send('open', { total: 100 });
    await load.send('close', { keep: 0 });
    await waiting(100);
    server.endSessionsOf('127.0.0.1');
    const before = await heap();
    await load.send('open', { total: sessions });
    const idle = await heap();
    await load.send('close', { keep: 0 });
    await waiting(sessions);
    const cut = await heap();
    const each = (bytes) => `${((bytes - before) / sessions / 1024).toFixed(1)} KB`;
    console.log(
      `${relay === 'redis' ? 'with the relay' : 'one process'}: idle ${each(idle)}, waiting ${each(cut)}`,
    );
    load.stop();
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
