import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** As many callers as no limit for one caller is met by: 100 messages a second and 100 sessions each. */
const callerCount = 400;
const callerNames = Array.from({ length: callerCount }, (_, index) => `caller-${index}`);

const jwtSecret = 'a-secret-of-the-benchmark-0123456789abcdef';

/** What each auth type is started with, and the credentials of its callers. */
const credentials = {
  apikey: {
    env: { API_KEY: callerNames.map((name) => `${name}:key-of-${name}-0123456789`).join(',') },
    callers: callerNames.map((name) => ({ headers: { 'X-API-Key': `key-of-${name}-0123456789` } })),
  },
  jwt: {
    env: { JWT_SECRET: jwtSecret },
    callers: callerNames.map((name) => ({ headers: { Authorization: `Bearer ${tokenOf(name)}` } })),
  },
  custom: {
    callers: callerNames.map((name) => ({ headers: { Authorization: `Bearer ${name}` } })),
  },
  // Where nobody says who is calling, the address is the caller: on Linux all of 127.0.0.0/8 is this machine.
  none: {
    callers: callerNames.map((_, index) => ({ localAddress: `127.0.${1 + (index >> 8)}.${index & 255}` })),
  },
};

/**
 * The servers that are measured. Ours have all their defaults on; peers have no credential to check.
 *
 * @param projects their directories by auth type; and `slow`, the one with API keys whose `echo` takes SLOW_ECHO_MS
 */
export function allServers({ slow, ...projects }) {
  const ours = Object.entries(projects).map(([auth, directory]) => ({
    id: auth,
    name: `create-mcp-sse, ${labels[auth]}`,
    ours: true,
    directory,
    slowDirectory: auth === 'apikey' ? slow : undefined,
    command: ['node', '--max-semi-space-size=4', '--enable-source-maps', 'dist/main.js'], // as `npm start` has it
    ...credentials[auth],
    // All sessions come from one address here.
    env: { ...credentials[auth].env, MAX_CONNECTIONS_PER_ADDRESS: '25000' },
  }));
  const overMcp = {
    ...ours.find(({ id }) => id === 'apikey'),
    id: 'apikey-mcp',
    name: 'create-mcp-sse, API key, sessions on /mcp',
    path: '/mcp',
  };
  return [...ours, overMcp, ...peers].map((server) => ({ ...server, pin: true }));
}

const labels = { apikey: 'API key', jwt: 'JWT', custom: 'custom provider', none: 'no credential' };

const peers = [
  peer('mcp-framework', 'MCP Framework', 'mcp-framework'),
  peer('sdk-v1-express', 'SDK v1 + Express', '@modelcontextprotocol/sdk'),
  peer('sdk-v2-legacy', 'SDK v2 server-legacy + Express', '@modelcontextprotocol/server-legacy'),
  peer('fastmcp', 'fastmcp', 'fastmcp'),
  peer('mcp-proxy', 'mcp-proxy', 'mcp-proxy', [
    ...['node', 'node_modules/mcp-proxy/dist/bin/mcp-proxy.mjs', '--server', 'sse', '--host', '127.0.0.1'],
    ...['--port', '{port}', '--', 'node', 'server.js'],
  ]),
  { ...peer('sdk-v2-bare', 'SDK v2, least transport', '@modelcontextprotocol/server'), floor: true },
  { ...peer('floor', 'bare node:http, no MCP'), floor: true },
];

/** @param packageName the package that makes the server what it is; its version is shown */
function peer(id, name, packageName, command = ['node', 'server.js']) {
  const directory = join(import.meta.dirname, 'peers', id);
  const { dependencies = {} } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
  return { id, name, version: dependencies[packageName], dependencies, directory, command, callers: [{}] };
}
/** An HS256 token that is good for a day. */
function tokenOf(sub) {
  const now = Math.floor(Date.now() / 1000);
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ sub, iat: now, exp: now + 86_400 })}`;
  return `${signed}.${createHmac('sha256', jwtSecret).update(signed).digest('base64url')}`;
}
