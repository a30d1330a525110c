// Shows the Redis relay without containers: makes a project, starts three processes of it on this machine, nginx in
// front of them and Redis between them, and ends all of it on Ctrl-C. Needs dist/, redis-server and nginx.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { completeAnswers, render } from '../dist/index.js';
import { compileProject } from './compile-project.js';

const proxyPort = 8080;
const redisPort = 8090;
const ports = { a: 8081, b: 8082, c: 8083 };
const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };

const project = join(import.meta.dirname, '../.rendered/demo');
const temporary = mkdtempSync(join(tmpdir(), 'demo-'));
const children = [];
let isReady = false;
let isStopping = false;

process.on('SIGINT', () => stop()).on('SIGTERM', () => stop());
for (const port of [proxyPort, redisPort, ...Object.values(ports)]) {
  if (await isTaken(port)) await fail(`another program already listens on port ${port}`);
}
const files = await makeProject();
start('redis', 'redis-server', [
  '--port',
  redisPort,
  '--bind',
  '127.0.0.1',
  '--save',
  '',
  '--appendonly',
  'no',
]);
for (const [id, port] of Object.entries(ports)) {
  start(id, process.execPath, ['dist/main.js'], project, {
    NODE_ID: id,
    PORT: port,
    REDIS_URL: `redis://127.0.0.1:${redisPort}`,
    TRUST_PROXY: 1,
    LOG_FORMAT: 'text',
  });
}
for (const port of Object.values(ports)) await ready(`http://127.0.0.1:${port}`);
writeFileSync(join(temporary, 'nginx.conf'), nginxConf());
start('nginx', 'nginx', ['-p', temporary, '-c', 'nginx.conf', '-e', 'stderr']);

const url = `http://127.0.0.1:${proxyPort}`;
await ready(url);
isReady = true;
const pids = children.map(({ name, child }) => `${name} ${child.pid}`).join(', ');
console.log(`
Ready. Any MCP client can connect to ${url}/sse (no credential). Or by hand, in two terminals:

  curl --no-buffer ${url}/sse
  curl "${url}/messages?sessionId=…" -H 'Content-Type: application/json' \\
    -d '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"hello"}}}'

The session id begins with the process that holds the stream; POST as often as you like, nginx takes turns.
Now break something. Process ids: ${pids}.

  kill -STOP <redis>   messages for other processes are answered 503 within two seconds; kill -CONT <redis> heals it
  kill -9 <a>          its sessions are answered 404, and clients connect again elsewhere
  kill <b>             running calls finish first

Ctrl-C ends all of it.
`);

async function makeProject() {
  const setting = { cwd: '/', packageManager: 'npm' };
  const answered = completeAnswers({ directory: 'demo', auth: 'none', relay: 'redis' }, setting);
  const files = await render(answered, { secret: '' });
  compileProject(project, files);
  return files;
}

/** Starts a program whose output appears with its name in front. */
function start(name, program, args, cwd = temporary, settings = {}) {
  const child = spawn(program, args.map(String), {
    cwd,
    env: { ...env, ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data) => process.stdout.write(String(data).replace(/^(?=.)/gm, `${name.padEnd(6)}`)));
  }
  child.on('error', ({ code }) =>
    fail(
      code === 'ENOENT' ? `${program} is not installed: on Debian, apt-get install redis-server nginx` : code,
    ),
  );
  child.on('exit', (code, signal) => {
    console.log(`${name.padEnd(6)}ended (${signal ?? code})`);
    if (!isReady && !isStopping) fail(`${name} ended before all was ready; what it said stands above`);
  });
  children.push({ name, child });
}

/** Ends everything with one line that says why. */
function fail(reason) {
  if (!isStopping) console.error(`✗ ${reason}`);
  return stop(1);
}

async function stop(status = 0) {
  isStopping = true;
  await Promise.all(
    children.map(async ({ child }) => {
      if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      child.kill('SIGCONT');
      await gone;
    }),
  );
  rmSync(temporary, { recursive: true, force: true });
  process.exit(status);
}

/** The project's own, with addresses in the place of what Docker's name server knows. */
function nginxConf() {
  const site = files
    .get('nginx.conf')
    .content.toString()
    .replace('listen 8080;', `listen 127.0.0.1:${proxyPort};`)
    .replace(/resolver .*;/, '')
    .replace(
      /server mcp-server:.*;/,
      Object.values(ports)
        .map((port) => `server 127.0.0.1:${port};`)
        .join(' '),
    )
    .replace(/~.*\$container:.*;/, () =>
      Object.entries(ports)
        .map(([id, port]) => `~^${id}\\. 127.0.0.1:${port};`)
        .join(' '),
    );
  const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `daemon off;
user ${userInfo().username};
pid nginx.pid;
error_log stderr warn;
events {}
http {
  access_log off;
  ${folders.map((name) => `${name}_temp_path ${name};`).join('\n  ')}
  ${site}
}
`;
}

/** Resolves when a server answers, and reaches the others by way of Redis. */
async function ready(origin) {
  const healthy = () =>
    fetch(`${origin}/health`).then(
      async (answer) => answer.ok && (await answer.json()).relay === undefined,
      () => false,
    );
  while (!(await healthy())) await new Promise((resolve) => setTimeout(resolve, 50));
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
