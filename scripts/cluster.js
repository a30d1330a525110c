// Three processes of a server on this machine, nginx in front of them and Redis between them, without containers. Needs
// dist/, redis-server and nginx.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { completeAnswers, render } from '../dist/index.js';
import { compileProject } from './compile-project.js';
import { nginxConf } from './nginx-conf.js';

const proxyPort = 8080;
const redisPort = 8090;
const ports = { a: 8081, b: 8082, c: 8083 };
const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };

/**
 * @param {object} options
 * @param {string} options.project where it is made, inside this repository
 * @param {'none' | 'apikey'} options.auth
 * @param {Record<string, string | number>} options.settings of each process
 * @param {(project: string) => void} [options.change] changes the project before it is started
 * @param {(name: string, text: string) => void} options.print takes what the programs print
 * @param {(reason: string) => void} options.fail called when something cannot be started
 */
export async function startCluster({ project, auth, settings, change, print, fail }) {
  const temporary = mkdtempSync(join(tmpdir(), 'cluster-'));
  const children = new Map();
  let isReady = false;
  let isStopping = false;

  for (const port of [proxyPort, redisPort, ...Object.values(ports)]) {
    if (await isTaken(port)) fail(`another program already listens on port ${port}`);
  }
  const answers = completeAnswers(
    { directory: 'cluster', auth, relay: 'redis' },
    { cwd: '/', packageManager: 'npm' },
  );
  const files = await render(answers, { secret: '' });
  compileProject(project, files);
  change?.(project);

  start('redis', 'redis-server', [
    ...['--port', redisPort, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'],
  ]);
  for (const id of Object.keys(ports)) startProcess(id);
  for (const port of Object.values(ports)) await ready(`http://127.0.0.1:${port}`);
  writeFileSync(join(temporary, 'nginx.conf'), nginxConf(site(files)));
  start('nginx', 'nginx', ['-p', temporary, '-c', 'nginx.conf', '-e', 'stderr']);
  const origin = `http://127.0.0.1:${proxyPort}`;
  await ready(origin);
  isReady = true;

  function startProcess(id) {
    start(id, process.execPath, ['dist/main.js'], project, {
      NODE_ID: id,
      PORT: ports[id],
      REDIS_URL: `redis://127.0.0.1:${redisPort}`,
      TRUST_PROXY: 1,
      ...settings,
    });
  }

  function start(name, program, args, cwd = temporary, more = {}) {
    const child = spawn(program, args.map(String), {
      cwd,
      env: { ...env, ...more },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => print(name, String(data)));
    child.on('error', ({ code }) =>
      fail(
        code === 'ENOENT'
          ? `${program} is not installed: on Debian, apt-get install redis-server nginx`
          : code,
      ),
    );
    child.on('exit', (code, signal) => {
      print(name, `ended (${signal ?? code})\n`);
      if (!isReady && !isStopping) fail(`${name} ended before all was ready; what it said stands above`);
    });
    children.set(name, child);
  }

  async function end(child, signal) {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    child.kill('SIGCONT');
    await gone;
  }

  return {
    origin,
    ids: Object.keys(ports),
    pid: (name) => children.get(name).pid,
    names: () => [...children.keys()],

    /** Ends a process and starts it again. @returns the seconds that it took to end */
    async restart(id, signal = 'SIGTERM') {
      const startedAt = performance.now();
      await end(children.get(id), signal);
      const seconds = (performance.now() - startedAt) / 1000;
      startProcess(id);
      await ready(`http://127.0.0.1:${ports[id]}`);
      return seconds;
    },

    async stop() {
      isStopping = true;
      // All of them at once have nobody to leave their sessions to.
      const signalFor = (name) => (name in ports ? 'SIGKILL' : 'SIGTERM');
      await Promise.all([...children].map(([name, child]) => end(child, signalFor(name))));
      rmSync(temporary, { recursive: true, force: true });
    },
  };
}

/** The project's own, with addresses in the place of what Docker's name server knows. */
function site(files) {
  return files
    .get('nginx.conf')
    .content.toString()
    .replace('listen 8080;', `listen 127.0.0.1:${proxyPort};`)
    .replace(/resolver .*;/, '')
    .replace(/server mcp-server:.* resolve(.*);/, (_, options) =>
      Object.values(ports)
        .map((port) => `server 127.0.0.1:${port}${options};`)
        .join(' '),
    )
    .replace(/~.*\$container:.*;/, () =>
      Object.entries(ports)
        .map(([id, port]) => `~^${id}\\. 127.0.0.1:${port};`)
        .join(' '),
    );
}

/** Resolves when a server answers, and reaches the others by way of Redis. */
async function ready(origin) {
  const healthy = () =>
    fetch(`${origin}/health`).then(
      async (answer) => answer.ok && (await answer.json()).relay === undefined,
      () => false,
    );
  while (!(await healthy())) await wait(50);
}

function isTaken(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
