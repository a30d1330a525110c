import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { execa } from 'execa';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { readPage } from '../support/page.js';
import { freePort } from '../support/programs.js';
import { post, send } from '../templates/support/client.js';
import { renderProject } from '../templates/support/projects.js';
import { type RunningServer, runServer, startServer } from '../templates/support/server.js';
import { alice, bob, echo, openSession } from './support/cluster.js';

// The channel that docs/relay.md shows to those who write their own, in place of Redis.

const root = resolve(import.meta.dirname, '../..');
const page = readPage('relay.md');

const edits: Record<string, (text: string) => string> = {
  'src/main.ts': page.edit('src/main.ts'),
  'src/config.ts': (text) => text.replace(/relaySettings\(env, .*?\)/, 'relaySettings(env)'),
};

beforeAll(async () => {
  const rendered = join(root, `.rendered/own-relay-${process.pid}`);
  const directory = join(rendered, 'apikey');
  for (const [path, { content }] of await renderProject({ auth: 'apikey', relay: 'redis' })) {
    if (path.startsWith('src/relay/redis-')) continue;
    const edit = edits[path] ?? ((text: string) => text);
    write(join(directory, path), edit(String(content)));
  }
  for (const path of ['src/relay/http-channel.ts', 'src/settings/relay.ts', 'src/relay/connect.ts']) {
    write(join(directory, path), page.file(path));
  }
  await execa('tsc', ['-p', 'tsconfig.build.json'], { cwd: directory, preferLocal: true, localDir: root });
  process.env.RENDERED = rendered; // Where `startServer` looks for projects.
  return () => rmSync(rendered, { recursive: true, force: true });
}, 60_000);

test('a POST reaches the session of its caller and no other', async () => {
  const { a, b } = await startProcesses();
  const stream = await openSession(a);
  expect(stream.endpoint).toMatch(/sessionId=a\./);

  expect(await post(b, stream.endpoint, echo(1, 'not mine'), bob)).toMatchObject({ status: 404 });
  expect(await post(b, stream.endpoint, echo(2, 'Grüße'), alice)).toMatchObject({ status: 202 });

  const { result } = await stream.message(2);
  expect(result.content[0].text).toBe('Grüße');
  expect(stream.events).toEqual([]);
});

test.each(['a.unknown', 'nobody.unknown', 'constructor.unknown'])(
  'a session that never existed, %s, gets 404',
  async (sessionId) => {
    const { b } = await startProcesses();
    const answer = await post(b, `/messages?sessionId=${sessionId}`, echo(1, 'to nobody'), alice);
    expect(answer).toMatchObject({ status: 404 });
  },
);

test('messages for a process that is gone get 503, and the other process continues', async () => {
  const { a, b } = await startProcesses();
  const [lost, kept] = [await openSession(a), await openSession(b)];
  await a.stop('SIGKILL');

  const answer = await post(b, lost.endpoint, echo(1, 'too late'), alice);

  expect(answer).toMatchObject({ status: 503, headers: { 'retry-after': '2' } });
  expect(await post(b, kept.endpoint, echo(2, 'kept'), alice)).toMatchObject({ status: 202 });
  expect((await kept.message(2)).result.content[0].text).toBe('kept');
});

test('messages for a process that hangs get 503 after 2 s, and are not taken later', async () => {
  const { a, b } = await startProcesses();
  const stream = await openSession(a);
  a.process.kill('SIGSTOP');
  const startedAt = performance.now();
  const answer = await post(b, stream.endpoint, echo(1, 'refused'), alice);
  expect(answer).toMatchObject({ status: 503 });
  expect(performance.now() - startedAt).toBeLessThan(2500);

  a.process.kill('SIGCONT');
  expect(await post(b, stream.endpoint, echo(2, 'next'), alice)).toMatchObject({ status: 202 });
  expect((await stream.message()).id).toBe(2);
});

test.each([
  [{ NODE_ID: 'c' }, /^NODE_ID=c must be one of RELAY_PEERS\n$/],
  [{ RELAY_SECRET: '' }, /^RELAY_SECRET must be set\n$/],
])('%o stops the start with a line that says what it must be', async (settings, line) => {
  const { code, output } = await runServer('apikey', {
    ...{ NODE_ID: 'a', RELAY_PEERS: 'a=http://127.0.0.1:1', RELAY_SECRET: 'secret' },
    ...settings,
  });
  expect({ code, output }).toEqual({ code: 1, output: expect.stringMatching(line) });
});

test('a client without the secret reaches no session', async () => {
  const { a, relayPort } = await startProcesses();
  const stream = await openSession(a);
  const sessionId = stream.endpoint.split('=')[1];
  const forged = { sessionId, json: JSON.stringify(echo(1, 'forged')), takeUntil: Date.now() + 1500 };
  const answer = await send({ port: relayPort }, 'POST', '/', {
    headers: { Authorization: 'guessed' },
    body: JSON.stringify(forged),
  });
  expect(answer).toMatchObject({ status: 403 });
});

test('a relay that cannot listen says so on /health and in the log, and the process still serves', async () => {
  const { b, relayPort } = await startProcesses();
  const peers = `c=http://127.0.0.1:${relayPort}`; // Process a has this port.
  const c = await startProcess('c', peers);
  expect(await c.logged({ msg: 'the relay does not listen' })).toMatchObject({ level: 'error' });
  expect((await send(c, 'GET', '/health')).body).toContain('The relay does not listen');
  expect((await send(b, 'GET', '/health')).body).not.toContain('relay');
  const stream = await openSession(c);
  expect(await post(c, stream.endpoint, echo(1, 'local'), alice)).toMatchObject({ status: 202 });
});

test('on SIGTERM the process exits, even while another one holds a connection to it', async () => {
  const { a, b } = await startProcesses();
  const stream = await openSession(a);
  expect(await post(b, stream.endpoint, echo(1, 'x'), alice)).toMatchObject({ status: 202 });
  expect(await a.stop()).toEqual({ code: 0, signal: null });
});

/** Processes `a` and `b`; `relayPort` is where `a` takes messages. */
async function startProcesses() {
  const relayPort = await freePort();
  const peers = `a=http://127.0.0.1:${relayPort},b=http://127.0.0.1:${await freePort()}`;
  const [a, b] = await Promise.all([startProcess('a', peers), startProcess('b', peers)]);
  return { a, b, relayPort };
}

async function startProcess(id: string, peers: string): Promise<RunningServer> {
  const server = await startServer('apikey', {
    API_KEY: `alice:${alice['X-API-Key']},bob:${bob['X-API-Key']}`,
    LOG_FORMAT: 'json',
    NODE_ID: id,
    RELAY_PEERS: peers,
    RELAY_SECRET: 'a-secret-that-only-these-processes-have',
  });
  onTestFinished(async () => void (await server.stop('SIGKILL')));
  return server;
}

function write(path: string, content: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}
