// A client that does one kind of harm until it is killed, in a process of its own. The tests of attacks (test/templates/attacks)
// have the same kinds, and more.
//   node attacker.js KIND PORT HEADERS        HEADERS as JSON: its credential
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

const [kind, port, headers] = process.argv.slice(2);
const MB = 1024 ** 2;
/** As many bytes as one message may have, less what stands around the part that is filled. */
const full = 4 * MB - 1000;
const credential = Object.entries(JSON.parse(headers))
  .map(([name, value]) => `${name}: ${value}\r\n`)
  .join('');

const kinds = { structure, endless, deaf, streams, chunks };

process.on('unhandledRejection', () => {}); // What becomes of the attacker is of no interest.
for (;;) {
  await kinds[kind]().catch(() => {});
  await wait(20); // A server that refuses, or is gone.
}

/** Messages of 4 MB with two million values. */
async function structure() {
  const { endpoint } = await openStream();
  const icons = `[${'1,'.repeat(full / 2 - 1)}1]`;
  const clientInfo = `{"name":"x","version":"1","icons":${icons}}`;
  const params = `{"protocolVersion":"2024-11-05","capabilities":{},"clientInfo":${clientInfo}}`;
  const body = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":${params}}`;
  for (;;) await post(endpoint, body);
}

/** 300 bodies that come a byte at a time, and never end. */
async function endless() {
  const { endpoint } = await openStream();
  const sockets = await Promise.all(Array.from({ length: 300 }, dial));
  for (const socket of sockets) socket.write(`${headOf('POST', endpoint)}Content-Length: ${3 * MB}\r\n\r\n{`);
  for (;;) {
    await wait(100);
    for (const socket of sockets) socket.write(' ');
  }
}

/** Asks for 10 MB a second, and reads nothing. */
async function deaf() {
  const { socket, endpoint } = await openStream();
  socket.pause();
  const body = callOf('x'.repeat(MB / 4));
  while (/ 202 /.test(await post(endpoint, body))) await wait(25);
  socket.destroy();
}

/** Opens 200 streams a second, and drops each as soon as it is open. */
async function streams() {
  const startedAt = performance.now();
  for (let opened = 0; ; opened++) {
    while (((performance.now() - startedAt) / 1000) * 200 < opened) await wait(1);
    openStream().then(({ socket }) => socket.destroy());
  }
}

/** Messages of 3.9 MB in pieces of one byte. */
async function chunks() {
  const { endpoint } = await openStream();
  const body = callOf('x'.repeat(3.9 * MB));
  const pieces = [];
  for (let at = 0; at < body.length; at += 10_000)
    pieces.push([...body.slice(at, at + 10_000)].map((byte) => `1\r\n${byte}\r\n`).join(''));
  for (;;) {
    const socket = await dial();
    const answered = once(socket, 'data');
    socket.write(`${headOf('POST', endpoint)}Transfer-Encoding: chunked\r\n\r\n`);
    for (const piece of pieces)
      if (!socket.write(piece)) await Promise.race([once(socket, 'drain'), answered]);
    socket.write('0\r\n\r\n');
    await answered;
    socket.destroy();
  }
}

function callOf(text) {
  const params = { name: 'echo', arguments: { text } };
  return JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params });
}

function headOf(method, path) {
  return `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${credential}Content-Type: application/json\r\n`;
}

/** @returns the beginning of the answer */
async function post(endpoint, body) {
  const socket = await dial();
  socket.write(`${headOf('POST', endpoint)}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  const [answer] = await once(socket, 'data');
  socket.destroy();
  return String(answer);
}

/** A stream that is read, and the path to POST to. */
async function openStream() {
  const socket = await dial();
  socket.write(`${headOf('GET', '/sse')}Accept: text/event-stream\r\n\r\n`);
  for (let text = ''; ; ) {
    text += await Promise.race([once(socket, 'data'), once(socket, 'close').then(() => Promise.reject())]);
    const [, endpoint] = /^data: (?:https?:\/\/[^/]+)?(\S+)\s/m.exec(text) ?? [];
    if (endpoint) {
      socket.resume();
      return { socket, endpoint };
    }
  }
}

async function dial() {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  // A caller that waits for an answer gets an empty one.
  socket.on('error', () => {});
  socket.on('close', () => socket.emit('data', ''));
  return socket;
}
