// Shows the Redis relay without containers: makes a project, starts three processes of it on this machine, nginx in
// front of them and Redis between them, lets clients call through it, and ends all of it on Ctrl-C. Needs dist/,
// redis-server and nginx.
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { startCluster } from './cluster.js';
import { startLoad } from './restart-load.js';

const clients = 20;
const callsPerSecond = 40;

let cluster;
let load;
let isStopping = false;
process.on('SIGINT', () => stop()).on('SIGTERM', () => stop());

cluster = await startCluster({
  project: join(import.meta.dirname, '../.rendered/demo'),
  auth: 'none',
  settings: { LOG_FORMAT: 'text', LOG_LEVEL: 'warn', SHUTDOWN_SECONDS: 15 },
  print: (name, text) => process.stdout.write(text.replace(/^(?=.)/gm, `${name.padEnd(6)}`)),
  fail,
});
const pids = cluster.names().map((name) => `${name} ${cluster.pid(name)}`);
console.log(`
Ready. Any MCP client can connect to ${cluster.origin}/sse (no credential). Or by hand, in two terminals:

  curl --no-buffer ${cluster.origin}/sse
  curl "${cluster.origin}/messages?sessionId=…" -H 'Content-Type: application/json' \\
    -d '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"hello"}}}'

The session id begins with the process that has the session; POST as often as you like, nginx takes turns.

Now restart a process under load: ${clients} SDK clients make ${callsPerSecond} calls a second, of 0 to 3 s each. Type

  load      start the clients; a line each second says what became of their calls
  a, b, c   restart that process, as a deploy does: no call is lost
  kill a    kill -9 it, and start it again: its running calls fail, with an error
  quit      or Ctrl-C: end all of it

Or break something else. Process ids: ${pids.join(', ')}.

  kill -STOP <redis>   messages for other processes are answered 503 within two seconds; kill -CONT <redis> heals it
`);

for await (const line of createInterface({ input: process.stdin })) {
  const [word = '', id = word] = line.trim().split(/\s+/);
  if (word === 'load') await startCalls();
  else if (word === 'quit') await stop();
  else if (cluster.ids.includes(id)) await restart(id, word === 'kill' ? 'SIGKILL' : 'SIGTERM');
  else if (word !== '') console.log('load, a, b, c, kill a, or quit');
}

async function startCalls() {
  if (load) return;
  load = await startLoad({
    origin: cluster.origin,
    headers: {},
    clients,
    callsPerSecond,
    call: (number) => ({ name: 'countdown', arguments: { seconds: number % 4 } }),
  });
  setInterval(showCalls, 1000).unref();
}

function showCalls() {
  const { calls, answered, failed, silent, refused } = load.counts;
  console.log(
    `${calls} calls: ${answered} answered, ${load.running()} running, ${silent} lost, ${failed} failed; ${refused} times refused and sent again`,
  );
}

async function restart(id, signal) {
  console.log(
    signal === 'SIGKILL' ? `killing ${id}` : `stopping ${id}: its clients leave, its last calls finish`,
  );
  const seconds = await cluster.restart(id, signal);
  console.log(`${id} ended after ${seconds.toFixed(1)} s, and is back`);
}

/** Ends everything with one line that says why. */
function fail(reason) {
  if (!isStopping) console.error(`✗ ${reason}`);
  return stop(1);
}

async function stop(status = 0) {
  if (isStopping) return;
  isStopping = true;
  if (load) showCalls();
  await cluster?.stop();
  process.exit(status);
}
