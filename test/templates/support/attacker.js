// A client that begins as much as it can and ends nothing, in a process of its own so that others are not held up by it:
//   node attacker.js PORT API_KEY
// Prints one line of JSON for each status that it was answered with, when it is told to stop.
import { once } from 'node:events';
import { Agent, request } from 'node:http';

const [port, key] = process.argv.slice(2);
const MB = 1024 ** 2;
const agent = new Agent({ maxSockets: 900 });
const headers = {
  'X-API-Key': key,
  Accept: 'application/json, text/event-stream',
  'Content-Type': 'application/json',
};
const statuses = {};

function begin(path, more = {}) {
  const posting = request({
    port,
    host: '127.0.0.1',
    method: 'POST',
    path,
    agent,
    headers: { ...headers, ...more },
  });
  posting.on('response', (response) => {
    statuses[response.statusCode] = (statuses[response.statusCode] ?? 0) + 1;
    response.resume();
  });
  posting.on('error', () => {});
  return posting;
}

const call = (id, data) =>
  JSON.stringify({
    jsonrpc: '2.0',
    id,
    method: 'tools/call',
    params: { name: 'hold', arguments: { ms: 60_000, data } },
  });

process.on('message', () => {
  process.send(statuses);
  process.exit();
});

const opening = request({ port, host: '127.0.0.1', path: '/sse', headers }).end();
const [stream] = await once(opening, 'response');
const [first] = await once(stream.setEncoding('utf8'), 'data');
const endpoint = /data: (\S+)/.exec(first)[1];
stream.pause();

const half = 'x'.repeat(MB);
const large = call('id', 'x'.repeat(3.9 * MB));
const objects = call('id', Array(90_000).fill({}));
const small = call('id', 'x'.repeat(100_000));
const bytes = begin('/mcp', { 'Transfer-Encoding': 'chunked' });
for (let i = 0; i < 300; i++) begin('/mcp', { 'Content-Length': 3 * MB }).write(half);
for (let i = 0; i < 130; i++) begin(endpoint).end(large);
for (let i = 0; i < 130; i++) begin(endpoint).end(objects);
for (let i = 0; i < 1764; i++) begin('/mcp').end(small);
for (let i = 0; i < 200_000; i++) {
  bytes.write('x');
  if (i % 1000 === 0) await new Promise((resolve) => setImmediate(resolve));
}
process.send('begun');
