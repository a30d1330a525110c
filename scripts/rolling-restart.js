// Restarts each of three processes in turn, twice, behind nginx as it is documented, while unmodified SDK clients of both
// majors call through it with one key. Prints what became of each call; ends with 1 if one was lost.
//
//   npm run build && node scripts/rolling-restart.js
//   npm run build && node scripts/rolling-restart.js --signal SIGKILL     the same, killed: their running calls fail
//
// Needs redis-server and nginx, the ports 8080 to 8090, and about two minutes.
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startCluster } from './cluster.js';
import { startLoad } from './restart-load.js';

const { values } = parseArgs({
  options: {
    signal: { type: 'string', default: 'SIGTERM' },
    clients: { type: 'string', default: '100' },
    rate: { type: 'string', default: '200' },
    rounds: { type: 'string', default: '2' },
    verbose: { type: 'boolean', default: false },
  },
});
const clients = Number(values.clients);
const key = 'one-key-for-all-clients-0123456789';

const cluster = await startCluster({
  project: join(import.meta.dirname, '../.rendered/rolling-restart'),
  auth: 'apikey',
  settings: {
    API_KEY: key,
    SHUTDOWN_SECONDS: 15,
    RATE_LIMIT: 2 * Number(values.rate),
    MAX_SESSIONS_PER_CLIENT: 2 * clients,
    MAX_CALLS_PER_CLIENT: 10 * clients,
    LOG_FORMAT: 'text',
    LOG_LEVEL: values.verbose ? 'info' : 'warn',
  },
  // A tool that waits, and returns a text by which its reply is known.
  change: (project) =>
    copyFileSync(
      join(import.meta.dirname, '../test/templates/support/mcp-server.js'),
      join(project, 'dist/mcp-server.js'),
    ),
  print: (name, text) => process.stderr.write(text.replace(/^(?=.)/gm, `${name.padEnd(6)}`)),
  fail(reason) {
    console.error(`✗ ${reason}`);
    process.exit(1);
  },
});
const load = await startLoad({
  origin: cluster.origin,
  headers: { 'X-API-Key': key },
  clients,
  callsPerSecond: Number(values.rate),
  call(number) {
    const text = `call ${number}`;
    return { name: 'wait', arguments: { ms: (number * 379) % 3000, text }, text };
  },
});

await wait(4000); // Until calls of all lengths run.
for (let round = 0; round < Number(values.rounds); round++) {
  for (const id of cluster.ids) {
    const running = load.running();
    const seconds = await cluster.restart(id, values.signal);
    console.log(`${id} ended after ${seconds.toFixed(1)} s and is back; ${running} calls ran in all`);
    await wait(values.signal === 'SIGKILL' ? 6000 : 1000);
  }
}
const { calls, answered, failed, silent, wrong, refused, secondCopies, connected } = await load.finish();
console.log(`
${calls} calls of ${clients} clients, half of each major version of the SDK
  answered                             ${answered}
  failed, with an error                ${failed}
  lost: no answer came                 ${silent}
  answered with another's result       ${wrong}
refused at once, and sent again        ${refused} times
replies that came twice, the second one ignored by the client   ${secondCopies}
clients still connected at the end     ${connected}`);
for (const [reason, count] of load.reasons) console.log(`  ${count} × ${reason}`);
await cluster.stop();
const isLost = silent > 0 || wrong > 0 || connected < clients || (values.signal === 'SIGTERM' && failed > 0);
process.exit(isLost ? 1 : 0);
