// Starts the built server of a generated project, and calls its tool `echo` through the official clients over SSE:
// that of SDK v2 and that of v1. `node scripts/call-server.js <project>`; exits with 1 if one of them gets no answer.
import { execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import * as v2 from '@modelcontextprotocol/client';
import { Client as V1Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport as V1Transport } from '@modelcontextprotocol/sdk/client/sse.js';

const project = process.argv[2];
const { auth, endpoint } = JSON.parse(readFileSync(join(project, 'create-mcp-sse.json'), 'utf8'));
const port = await freePort();
const server = spawn(process.execPath, ['dist/main.js'], {
  cwd: project,
  env: { ...process.env, PORT: String(port) },
  stdio: ['ignore', 'inherit', 'inherit'],
});
const ended = new Promise((resolve) => server.once('exit', resolve));

try {
  await ready();
  const headers = credential();
  await call('v2', new v2.Client({ name: 'ci', version: '1' }), v2.SSEClientTransport, headers);
  await call('v1', new V1Client({ name: 'ci', version: '1' }), V1Transport, headers);
} finally {
  server.kill('SIGTERM');
  console.log(`stopped with exit status ${await ended}`);
}

async function call(version, client, Transport, headers) {
  const url = new URL(endpoint, `http://127.0.0.1:${port}`);
  // The v1 client takes the headers of the stream apart from those of its messages.
  const eventSourceInit = {
    fetch: (input, init) => fetch(input, { ...init, headers: { ...init.headers, ...headers } }),
  };
  await client.connect(new Transport(url, { requestInit: { headers }, eventSourceInit }));
  const text = `from ${version} – ü`;
  const { content } = await client.callTool({ name: 'echo', arguments: { text } });
  await client.close();
  if (content[0].text !== text) throw new Error(`${version}: echo answered ${JSON.stringify(content)}`);
  console.log(`${version} client called echo`);
}

/** The header that the server asks for, made the way its user would make it. */
function credential() {
  if (auth === 'apikey') {
    const [, key] = /^API_KEY=(?:[^:\n]*:)?([^:,\n]+)/m.exec(readFileSync(join(project, '.env'), 'utf8'));
    return { 'X-API-Key': key };
  }
  if (auth === 'jwt') {
    const args = ['run', '--silent', 'token', '--', '--sub', 'ci', '--expires-in', '5m'];
    return {
      Authorization: `Bearer ${execFileSync('npm', args, { cwd: project, encoding: 'utf8' }).trim()}`,
    };
  }
  // The provider that a project with --auth custom starts with takes what its .env names.
  if (auth === 'custom') return { Authorization: `Bearer ${process.env.CUSTOM_CREDENTIAL ?? ''}` };
  return {};
}

async function ready() {
  for (let attempt = 0; attempt < 100; attempt++) {
    const response = await fetch(`http://127.0.0.1:${port}/health`).catch(() => undefined);
    if (response?.ok) return;
    if (server.exitCode !== null) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('the server did not start');
}

function freePort() {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}
