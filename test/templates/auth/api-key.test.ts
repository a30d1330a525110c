import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { callTool, openStream, send } from '../support/client.js';
import { type RunningServer, startServer } from '../support/server.js';
import { expectAdmitted, expectRefused, type Headers, noLimit } from './credentials.js';

const laptop = 'laptop-key-0123456789';
const ci = 'ci-key-0123456789abcd';
const bare = 'bare-key-0123456789ab';
const fromFile = 'key-from-file-0123456789';
const challenge = /^ApiKey realm="mcp", header="X-API-Key"$/;

let folder: string;
let server: RunningServer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'keys-'));
  await writeFile(join(folder, 'keys'), `# as mounted by an orchestrator\r\nmounted:${fromFile}\r\n\r\n`);
  server = await startServer('apikey', {
    ...noLimit,
    API_KEY: `laptop:${laptop}, ci:${ci},${bare}`,
    API_KEYS_FILE: join(folder, 'keys'),
  });
});
afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true });
});

async function whoami(server: RunningServer, headers: Record<string, string>): Promise<string> {
  const stream = await openStream(server, { headers });
  await stream.post(callTool(1, 'whoami'));
  const { result } = await stream.message(1);
  stream.close();
  return result.content[0].text;
}

test.each([laptop, ci, bare, fromFile])('each of the keys is accepted: %s', async (key) => {
  await expectAdmitted(server, { 'X-API-Key': key });
});

test('a key is accepted as a bearer token too', async () => {
  await expectAdmitted(server, { Authorization: `Bearer ${laptop}` });
  await expectAdmitted(server, { Authorization: `bearer ${laptop}` });
});

test('tools see whose key it is: its id, or one derived from the key', async () => {
  expect(await whoami(server, { 'X-API-Key': laptop })).toBe('laptop');
  expect(await whoami(server, { 'X-API-Key': ci })).toBe('ci');
  expect(await whoami(server, { 'X-API-Key': fromFile })).toBe('mounted');
  expect(await whoami(server, { 'X-API-Key': bare })).toMatch(/^key-[0-9a-f]{8}$/);
});

test('a key without an id keeps its name after a restart and at another place in the list', async () => {
  const restarted = await startServer('apikey', { API_KEY: `other:${ci},${bare}` });
  expect(await whoami(restarted, { 'X-API-Key': bare })).toBe(await whoami(server, { 'X-API-Key': bare }));
  await restarted.stop();
});

const bad: [what: string, headers: Headers, query?: string][] = [
  ['no key', {}],
  ['an unknown key', { 'X-API-Key': 'an-unknown-key-0123456789' }],
  ['an empty key', { 'X-API-Key': '' }],
  ['a key in other letters', { 'X-API-Key': laptop.toUpperCase() }],
  ['the beginning of a key', { 'X-API-Key': laptop.slice(0, -1) }],
  ['a key with more behind it', { 'X-API-Key': `${laptop}x` }],
  ['a key with its id', { 'X-API-Key': `laptop:${laptop}` }],
  ['the id of a key', { 'X-API-Key': 'laptop' }],
  ['all keys at once', { 'X-API-Key': `${laptop},${ci}` }],
  ['the same key twice', { 'X-API-Key': [laptop, laptop] }],
  ['a good and a bad key', { 'X-API-Key': [laptop, 'an-unknown-key-0123456789'] }],
  ['a bad key beside a good bearer token', { 'X-API-Key': 'x', Authorization: `Bearer ${laptop}` }],
  [
    'the key twice beside a good bearer token',
    { 'X-API-Key': [laptop, laptop], Authorization: `Bearer ${laptop}` },
  ],
  ['two bearer tokens', { Authorization: [`Bearer ${laptop}`, `Bearer ${laptop}`] }],
  ['an empty bearer token', { Authorization: 'Bearer ' }],
  ['a key as password', { Authorization: `Basic ${Buffer.from(`:${laptop}`).toString('base64')}` }],
  ['a key as Authorization without a scheme', { Authorization: laptop }],
  ['a key in a cookie', { Cookie: `X-API-Key=${laptop}` }],
  ['a key in the query', {}, `X-API-Key=${laptop}&api_key=${laptop}&access_token=${laptop}&token=${laptop}`],
  ['the name of an inherited property', { 'X-API-Key': '__proto__' }],
];

test.each(bad)('%s is refused', async (_, headers, query) => {
  await expectRefused(server, headers, challenge, query);
});

test('clients see no sign of OAuth', async () => {
  const paths = ['oauth-protected-resource', 'oauth-protected-resource/sse', 'oauth-protected-resource/mcp'];
  for (const path of [...paths, 'oauth-authorization-server', 'openid-configuration']) {
    const { status, headers, body } = await send(server, 'GET', `/.well-known/${path}`);
    expect({ path, status, type: headers['content-type'] }).toEqual({
      path,
      status: 404,
      type: 'application/json',
    });
    expect(JSON.parse(body).error.code).toBe('not_found');
  }
});

test('AUTH_HEADER names another header, also in the challenge; Authorization works with or without Bearer', async () => {
  const custom = await startServer('apikey', { API_KEY: laptop, AUTH_HEADER: 'X-Team-Key' });
  await expectAdmitted(custom, { 'x-team-key': laptop });
  await expectRefused(custom, { 'X-API-Key': laptop }, /^ApiKey realm="mcp", header="X-Team-Key"$/);
  const preflight = await send(custom, 'OPTIONS', '/sse', { headers: { Origin: 'https://app.example' } });
  expect(preflight.headers['access-control-allow-headers']).toMatch(/, X-Team-Key$/);
  await custom.stop();

  const authorization = await startServer('apikey', { API_KEY: laptop, AUTH_HEADER: 'Authorization' });
  await expectAdmitted(authorization, { Authorization: laptop });
  await expectAdmitted(authorization, { Authorization: `Bearer ${laptop}` });
  await authorization.stop();
});
