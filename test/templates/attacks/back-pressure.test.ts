import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeCertificate } from '../../support/certificate.js';
import { call, callTool, eventually, metric, openStream, post, rawStream, send } from '../support/client.js';
import { goodHeaders, type RunningServer, startTestServer } from '../support/server.js';

// Readers that do not read. The kernel takes some megabytes for them, so each is sent far more than that.

const headers = goodHeaders.apikey;
const MB = 1024 ** 2;

let server: RunningServer;
afterEach(() => server.stop('SIGKILL'));

/** Opens a stream, reads its first event and nothing after it. */
async function stuckReader() {
  const stream = await rawStream(server, headers);
  const { endpoint, session } = stream;
  stream.socket.pause();
  return {
    ...stream,
    post: (message: unknown) => post(server, endpoint, message, headers),
    closed: () => server.logged({ msg: 'session closed', session }),
  };
}

async function inside() {
  const stream = await openStream(server, { headers });
  await stream.post(callTool('inside', 'inside'));
  const { result } = await stream.message('inside', 20_000);
  stream.close();
  return JSON.parse(result.content[0].text);
}

describe('a reader that does not read', () => {
  beforeEach(async () => {
    server = await startTestServer('apikey', { STALL_TIMEOUT_SECONDS: '1', MAX_SESSIONS_PER_CLIENT: '1000' });
  });

  test('is cut off when too much waits for it, and its call ends', async () => {
    const reader = await stuckReader();
    const { callsAborted } = await inside();
    await reader.post(callTool(1, 'hang'));
    await reader.post(callTool(2, 'flood', { messages: 800, bytes: 64 * 1024 }));
    expect(await reader.closed()).toMatchObject({ reason: 'reader_too_slow' });
    expect(await inside()).toMatchObject({ callsAborted: callsAborted + 1 });
    expect((await reader.post(call(3, 'ping'))).status).toBe(404);
  });

  test('is cut off within one turn of the event loop when a tool sends everything in one', async () => {
    const reader = await stuckReader();
    const before = await inside();
    await reader.post(callTool(1, 'flood', { messages: 1600, bytes: 64 * 1024, inOneTurn: 1600 }));
    expect(await reader.closed()).toMatchObject({ reason: 'reader_too_slow' });
    const { peakRss } = await inside();
    expect((peakRss - before.rss) / MB).toBeLessThan(60); // Of 100 that the tool sent.
  });

  test('is cut off after the timeout, and before twice the timeout, when nothing moves', async () => {
    const reader = await stuckReader();
    // One message of any size may pass when nothing waits, so the cap does not help here.
    await reader.post(callTool(1, 'big', { bytes: 30 * MB }));
    await new Promise((resolve) => setTimeout(resolve, 500)); // Half of the time-out.
    const taken = reader.bytes() + 2 * MB;
    await new Promise<void>((resolve) => {
      reader.socket.on('data', () => reader.bytes() >= taken && resolve()).resume();
    });
    reader.socket.pause();
    const before = performance.now();
    expect(await reader.closed()).toMatchObject({ reason: 'reader_stalled' });
    const ms = performance.now() - before;
    expect(ms).toBeGreaterThan(900); // The reader learns a little late what the server saw it take.
    expect(ms).toBeLessThan(3000);
    reader.socket.destroy();
  });

  test('is disconnected when nothing moves, although its session has ended', async () => {
    const connections = async () => (await inside()).resources.TCPSocketWrap;
    const before = await connections();
    const reader = await stuckReader();
    await reader.post(callTool(1, 'big', { bytes: 30 * MB }));
    await reader.post(callTool(2, 'leave'));
    expect(await reader.closed()).toMatchObject({ reason: 'server_closed' });
    expect(await connections()).toBeGreaterThan(before); // What waits for it may still be taken.
    await eventually(connections, (now) => now <= before);
    reader.socket.destroy();
  });

  test('is not cut off when nothing waits for it', async () => {
    const reader = await stuckReader();
    await reader.post(callTool(1, 'wait', { ms: 2500 }));
    reader.socket.resume();
    expect(await reader.until(/waited/)).toContain('"id":1');
    reader.socket.destroy();
  });

  test('gets one message above the cap, and what follows has the whole cap', async () => {
    const reader = await stuckReader();
    await reader.post(callTool(1, 'big', { bytes: 20 * MB }));
    await reader.post(callTool(2, 'big', { bytes: 0.9 * MB }));
    await reader.post(call(3, 'ping'));
    reader.socket.resume();
    await reader.until(/"id":3\}\nid: \S+\n\n\r\n$/);
    expect(reader.bytes()).toBeGreaterThan(20.9 * MB);
    reader.socket.destroy();
  });

  test('has the cap and no more for what follows a message above the cap', async () => {
    await server.stop('SIGKILL');
    server = await startTestServer('apikey', { STALL_TIMEOUT_SECONDS: '30' });
    const reader = await stuckReader();
    await reader.post(callTool(1, 'big', { bytes: 20 * MB }));
    await reader.post(callTool(2, 'big', { bytes: 1.1 * MB }));
    expect(await reader.closed()).toMatchObject({ reason: 'reader_too_slow' });
    reader.socket.destroy();
  });

  test('a slow reader that makes progress is not cut off', async () => {
    const reader = await stuckReader();
    await reader.post(callTool(1, 'big', { bytes: 25 * MB }));
    // A piece each 5 ms: this takes much longer than a stall may last.
    const pace = setInterval(() => reader.socket.resume(), 5);
    reader.socket.on('data', () => reader.socket.pause());
    const started = performance.now();
    await reader.until(/"id":1\}\nid: \S+\n\n\r\n$/);
    clearInterval(pace);
    expect(performance.now() - started).toBeGreaterThan(1500);
    reader.socket.destroy();
  });
});

const { cert, key } = makeCertificate(mkdtempSync(join(tmpdir(), 'back-pressure-')));
afterAll(() => rmSync(dirname(cert), { recursive: true }));

describe.each([
  ['plain', {}],
  ['over TLS', { TLS_CERT_FILE: cert, TLS_KEY_FILE: key }],
])('a reader that reads, %s,', (_how, settings) => {
  beforeEach(async () => {
    server = await startTestServer('apikey', { STALL_TIMEOUT_SECONDS: '30', ...settings });
  });

  // Over TLS no write is over in the turn that makes it.
  test.each([
    [
      'all of what is sent to it in one turn, though that is more than may wait',
      [Math.floor(0.7 * MB), Math.floor(0.7 * MB)],
    ],
    ['one message above the cap, though a small one was sent in the same turn', [100, 6 * MB]],
  ])('gets %s', async (_what, sizes) => {
    const client = await openStream(server, { headers });
    for (const [id, bytes] of sizes.entries()) await client.post(callTool(id, 'pair', { bytes }));
    for (const [id, bytes] of sizes.entries()) {
      expect((await client.message(id)).result.content[0].text).toHaveLength(bytes);
    }
    client.close();
  });

  test('gets every report of a tool, however fast the tool is', async () => {
    const client = await openStream(server, { headers });
    await client.post(callTool(1, 'report', { messages: 5000, bytes: 1024 }));
    let reports = 0;
    while (!('result' in (await client.message()))) reports++;
    expect(reports).toBe(5000);
    client.close();
  });

  test('gets large reports too, two of which exceed the cap', async () => {
    const client = await openStream(server, { headers });
    await client.post(callTool(1, 'report', { messages: 8, bytes: 0.9 * MB }));
    let reports = 0;
    while (!('result' in (await client.message()))) reports++;
    expect(reports).toBe(8);
    client.close();
  });
});

describe('a reader that catches up', () => {
  test('sets the pace of a tool that awaits its reports', async () => {
    server = await startTestServer('apikey', { STALL_TIMEOUT_SECONDS: '30' });
    const reader = await stuckReader();
    const before = await inside();
    await reader.post(callTool(1, 'report', { messages: 1600, bytes: 64 * 1024 }));
    await eventually(inside, ({ peakRss }) => peakRss > before.rss);
    reader.socket.resume();
    await reader.until(/"id":1\}\nid: \S+\n\n\r\n$/);
    expect(reader.bytes()).toBeGreaterThan(100 * MB);
    const { peakRss } = await inside();
    // What the kernel took for it is not the server's memory; 100 MB that wait would be.
    expect((peakRss - before.rss) / MB).toBeLessThan(60);
    reader.socket.destroy();
  });
});

test("100 readers that do not read, sent 50 MB each, cost neither memory nor other clients' time", async () => {
  server = await startTestServer('apikey', {
    STALL_TIMEOUT_SECONDS: '30',
    MAX_SESSIONS_PER_CLIENT: '1000',
    MAX_CALLS_PER_CLIENT: '1000',
  });
  const before = await inside();
  const readers = await Promise.all(Array.from({ length: 100 }, stuckReader));
  const client = await openStream(server, { headers });
  /** How long calls of another take while something goes on, in ms. */
  async function latencies(during: Promise<unknown>) {
    let over = false;
    const done = during.finally(() => {
      over = true;
    });
    const all: number[] = [];
    while (!over || all.length < 100) {
      const started = performance.now();
      await client.post(callTool(1, 'echo', { text: 'hello' }));
      await client.message(1);
      all.push(performance.now() - started);
    }
    await done;
    all.sort((a, b) => a - b);
    return { median: all[all.length >> 1] as number, p99: all[Math.floor(all.length * 0.99)] as number };
  }

  // What the kernel takes for them is work of its own. What comes then has to wait.
  for (const reader of readers) await reader.post(callTool(1, 'report', { messages: 800, bytes: 64 * 1024 }));
  const delivered: number[] = [];
  await eventually(
    async () => delivered.push(await metric(server, 'mcp_messages_delivered_total', headers)),
    () => delivered.at(-1) === delivered.at(-2),
    20_000,
  );
  const quiet = await latencies(Promise.resolve());

  const cutAll = async () => {
    for (const reader of readers) {
      await reader.post(callTool(2, 'flood', { messages: 800, bytes: 64 * 1024 }));
      expect(await reader.closed()).toMatchObject({ reason: 'reader_too_slow' });
    }
  };
  const busy = await latencies(cutAll());

  const { peakRss } = await inside();
  // Each may hold the cap of 1 MB and one message beside what the kernel took.
  expect((peakRss - before.rss) / MB).toBeLessThan(300);
  // Some ms are the work of the tool that floods. What else a busy machine does may hit a call, but not half of them.
  expect(busy.median).toBeLessThan(quiet.median + 30);
  expect(busy.p99).toBeLessThan(quiet.p99 + 200);
  client.close();
}, 60_000);

test('one client that does not read does not delay another', async () => {
  server = await startTestServer('apikey', { STALL_TIMEOUT_SECONDS: '30' });
  const stuck = await stuckReader();
  await stuck.post(callTool(1, 'big', { bytes: 30 * MB }));
  const client = await openStream(server, { headers });
  await client.post(callTool(1, 'big', { bytes: 2 * MB }));
  expect((await client.message(1)).result.content[0].text).toHaveLength(2 * MB);
  const health = () => send(server, 'GET', '/health').then(({ body }) => JSON.parse(body).sessions);
  expect(await health()).toBe(2);
  stuck.socket.destroy();
  await eventually(health, (sessions) => sessions === 1);
});
