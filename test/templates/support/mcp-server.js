// Takes the place of mcp-server.js in a compiled project, as a user's own would: tools that do what a test needs
// and nobody else would want.
import { setTimeout as wait } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { ResourceTemplate } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { ToolError } from './monitoring/tool-calls.js';
import { McpServer } from './sdk/mcp-server.js';
import { registerCountdown } from './tools/countdown.js';
import { registerEcho } from './tools/echo.js';
import { registerWhoami } from './tools/whoami.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc');

/** What happened since the start, for `inside`. */
const counts = { mcpServersMade: 0, mcpServersClosed: 0, callsAborted: 0 };

const text = (value) => ({
  content: [{ type: 'text', text: typeof value === 'string' ? value : JSON.stringify(value) }],
});
const nothing = z.object({});
const kind = z.object({ kind: z.string() });

/** Results that no client can be sent, by name. */
const oddResults = {
  nothing: () => undefined,
  null: () => null,
  text: () => 'a text',
  list: () => [],
  function: () => () => {},
  bigint: () => ({ ...text(''), structuredContent: { big: 1n } }),
  cycle() {
    const result = text('');
    result._meta = { result };
    return result;
  },
  throwingToJson: () => ({ ...text(''), _meta: { toJSON: () => fail() } }),
  emptyToJson: () => ({ ...text(''), toJSON: () => undefined }),
  throwingGetter: () => ({
    ...text(''),
    get _meta() {
      return fail();
    },
  }),
  deep() {
    let value = {};
    for (let i = 0; i < 100_000; i++) value = { value };
    return { ...text(''), _meta: value };
  },
};

/** What code may throw, by name. */
const oddErrors = {
  undefined: () => undefined,
  null: () => null,
  text: () => 'a text',
  symbol: () => Symbol('a symbol'),
  bigint: () => 1n,
  function: () => fail,
  cycle() {
    const error = new Error('a cycle');
    error.cause = error;
    return error;
  },
  throwingToJson: () => ({ toJSON: () => fail() }),
  throwingGetter: () => Object.defineProperty(new Error('a getter'), 'stack', { get: () => fail() }),
  proxy() {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  },
};

function fail() {
  throw new Error('this always fails');
}

/** Calls of `pair` that wait for another. */
const pair = [];

const tools = {
  /** Never returns, and knows when it should no longer try. */
  hang: [
    nothing,
    (_, { mcpReq: { signal } }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          counts.callsAborted++;
          reject(signal.reason);
        });
      }),
  ],
  /** Never returns and does not care. */
  hangForever: [nothing, () => new Promise(() => {})],
  wait: [
    z.object({ ms: z.number(), text: z.string().default('waited') }),
    async ({ ms, text: waited }) => text(await wait(ms, waited)),
  ],
  fail: [
    nothing,
    () => {
      throw new ToolError('this tool always fails');
    },
  ],
  failLater: [
    nothing,
    () => {
      setImmediate(() => {
        throw new Error('this tool fails when nobody listens any more');
      });
      return text('so far so good');
    },
  ],
  big: [z.object({ bytes: z.number() }), ({ bytes }) => text('x'.repeat(bytes))],
  /** What JSON cannot hold. */
  unwritable: [nothing, () => ({ ...text(''), structuredContent: { big: 1n } })],
  deep: [
    z.object({ levels: z.number() }),
    ({ levels }) => {
      let value = {};
      for (let i = 0; i < levels; i++) value = { value };
      return { ...text(''), structuredContent: value };
    },
  ],
  /** Sends notifications without waiting for anybody to read them. */
  flood: [
    z.object({ messages: z.number(), bytes: z.number(), inOneTurn: z.number().default(16) }),
    async ({ messages, bytes, inOneTurn }, { mcpReq }) => {
      const params = { level: 'info', data: 'x'.repeat(bytes) };
      for (let i = 0; i < messages; i++) {
        mcpReq.notify({ method: 'notifications/message', params }).catch(() => {}); // Cut off meanwhile.
        if (i % inOneTurn === 0) await wait(0); // Others want their turn.
      }
      return text('sent');
    },
  ],
  /** Sends notifications, each when the one before was taken. */
  report: [
    z.object({ messages: z.number(), bytes: z.number() }),
    async ({ messages, bytes }, { mcpReq }) => {
      const params = { level: 'info', data: 'x'.repeat(bytes) };
      for (let i = 0; i < messages; i++) await mcpReq.notify({ method: 'notifications/message', params });
      return text('sent');
    },
  ],
  /** Two calls return in the same turn of the event loop. */
  pair: [
    z.object({ bytes: z.number() }),
    ({ bytes }) =>
      new Promise((resolve) => {
        pair.push(() => resolve(text('x'.repeat(bytes))));
        if (pair.length === 2) for (const answer of pair.splice(0)) answer();
      }),
  ],
  log: [
    z.object({ data: z.string() }),
    async ({ data }, { mcpReq }) => {
      await mcpReq.log('info', data);
      return text('logged');
    },
  ],
  /** Ends the response to its own call, whose client comes back for the reply. */
  letGo: [
    nothing,
    (_, { http }) => {
      http.closeSSE();
      return text('worth the way');
    },
  ],
  /** Sends a request to the client and returns the answer. */
  ask: [
    z.object({ method: z.string(), params: z.any(), timeout: z.number().optional() }),
    async ({ method, params, timeout }, { mcpReq }) =>
      text(await mcpReq.send({ method, params }, { timeout })),
  ],
  odd: [kind, ({ kind }) => oddResults[kind]()],
  throwLater: [
    kind.extend({ rejects: z.boolean().default(false) }),
    ({ kind, rejects }) => {
      const error = oddErrors[kind]();
      if (rejects) Promise.reject(error);
      else
        setImmediate(() => {
          throw error;
        });
      return text('so far so good');
    },
  ],
  /** Takes many values, each of which a schema looks at. */
  texts: [z.object({ texts: z.array(z.string()) }), ({ texts }) => text(`${texts.length} texts`)],
  table: [
    z.object({ rows: z.array(z.record(z.string(), z.union([z.string(), z.number()]))) }),
    ({ rows }) => text(`${rows.length} rows`),
  ],
  /** Waits, and keeps what it was sent. */
  hold: [
    z.object({ ms: z.number(), data: z.any() }),
    async ({ ms, data }) => text(await wait(ms, typeof data)),
  ],
  /** Changes who is calling, as far as a tool can. */
  becomeAdmin: [
    nothing,
    (_, { http }) => {
      const before = JSON.stringify(http?.authInfo);
      http?.authInfo?.scopes.push('admin');
      Object.assign(http?.authInfo?.extra ?? {}, { sub: 'admin', roles: ['admin'] });
      return text(before);
    },
  ],
  inside: [
    nothing,
    () => {
      collectGarbage();
      const { rss, heapUsed } = process.memoryUsage();
      const resources = {};
      for (const name of process.getActiveResourcesInfo()) resources[name] = (resources[name] ?? 0) + 1;
      return text({ ...counts, rss, heapUsed, peakRss: process.resourceUsage().maxRSS * 1024, resources });
    },
  ],
};

export function createMcpServer() {
  counts.mcpServersMade++;
  const capabilities = { logging: {} };
  const server = new McpServer({ name: 'test-server', version: '0.1.0' }, { capabilities });
  server.server.onclose = () => counts.mcpServersClosed++;
  registerCountdown(server);
  registerEcho(server);
  registerWhoami(server);
  for (const [name, [inputSchema, handler]] of Object.entries(tools)) {
    server.registerTool(name, { inputSchema }, handler);
  }
  // Takes its time, first to find out that no scope is needed.
  const scopeChallenge = async () => void (await wait(300));
  server.registerTool('slowScopes', { inputSchema: nothing, scopeChallenge }, async () =>
    text(await wait(1000, 'ran')),
  );
  const template = new ResourceTemplate('odd://{kind}', { list: undefined });
  server.registerResource('odd', template, {}, (_, { kind }) => oddResults[kind]());
  server.registerPrompt('odd', { argsSchema: kind }, ({ kind }) => oddResults[kind]());
  // Ends its own session.
  server.registerTool('leave', { inputSchema: nothing }, async () => {
    await server.close();
    return text('nobody reads this');
  });
  // A client that lists the tools again finds one more, at once or after the reply.
  const when = z.object({ later: z.boolean().default(false) });
  server.registerTool('grow', { inputSchema: when }, ({ later }) => {
    const grow = () => server.registerTool('grown', { inputSchema: nothing }, () => text('new'));
    if (later) setImmediate(grow);
    else grow();
    return text('grown');
  });
  return server;
}
