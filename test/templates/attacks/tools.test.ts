import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { bearer, sign } from '../auth/credentials.js';
import { makeOwnProject } from '../auth/own-project.js';
import { callTool, eventually, metric, openStream, post, send } from '../support/client.js';
import {
  goodHeaders,
  type RunningServer,
  runServer,
  startServer,
  startTestServer,
} from '../support/server.js';

// What the code of a tool does to the server around it.

const accept = { Accept: 'application/json, text/event-stream' };
let server: RunningServer;
afterEach(() => server?.stop('SIGKILL'));

test.each(['apikey', 'jwt'] as const)(
  'what a tool changes in authInfo is gone with the call (%s)',
  async (auth) => {
    server = await startTestServer(auth);
    const headers =
      auth === 'apikey' ? goodHeaders.apikey : bearer(await sign({ scope: 'read', roles: ['user'] }));
    const seen: string[] = [];
    const stream = await openStream(server, { headers });
    for (let i = 0; i < 2; i++) {
      await stream.post(callTool(i, 'becomeAdmin'));
      seen.push((await stream.message(i)).result.content[0].text);
      const { body } = await post(server, '/mcp', callTool(i, 'becomeAdmin'), { ...accept, ...headers });
      seen.push(JSON.parse(/^data: (.*)$/m.exec(body)?.[1] ?? '').result.content[0].text);
    }
    for (const text of seen) expect(text).not.toContain('admin');
    expect(new Set(seen.map((text) => JSON.stringify(JSON.parse(text).scopes)))).toHaveProperty('size', 1);
  },
);

test('what a provider hands to tools may be of any class, and in a circle', async () => {
  const project = await makeOwnProject('own-user', 'custom', {
    'src/auth/custom-auth-provider.ts': `
import type { IncomingMessage } from 'node:http';
import type { AuthProvider, AuthResult } from './auth-provider.ts';

class User {
  name = 'alice';
  greet() { return 'hello ' + this.name; }
}
const user = new User();
const list: unknown[] = [user];
list.push(list);

export class CustomAuthProvider implements AuthProvider {
  async authenticate(_req: IncomingMessage): Promise<AuthResult> {
    return { callerId: 'alice', data: { user, list, call: () => 1, made: new Date(0) } };
  }
}
`,
    'src/tools/whoami.ts': (text) =>
      text.replace(/`\$\{caller\.extra.*`/, '(caller.extra?.user as { greet(): string }).greet() + scopes'),
  });
  server = await startServer(project);
  const { body } = await post(server, '/mcp', callTool(1, 'whoami'), accept);
  expect(body).toContain('hello alice');
});

const thrown = [
  'undefined',
  'null',
  'text',
  'symbol',
  'bigint',
  'function',
  'cycle',
  'throwingToJson',
  'throwingGetter',
  'proxy',
];

describe('of any kind', () => {
  test('a value of any kind that is thrown and not caught is logged and counted, and the server goes on', async () => {
    server = await startTestServer('none');
    const stream = await openStream(server);
    let expected = 0;
    for (const kind of thrown) {
      for (const rejects of [false, true]) {
        await stream.post(callTool(kind, 'throwLater', { kind, rejects }));
        await stream.message(kind);
        expected++;
        await eventually(
          () => metric(server, 'mcp_uncaught_errors_total'),
          (count) => count === expected,
        );
      }
    }
    await stream.post(callTool('last', 'echo', { text: 'still here' }));
    expect((await stream.message('last')).result.content[0].text).toBe('still here');
    const lines = server.output().match(/uncaught error/g);
    expect(lines).toHaveLength(expected);
  });
});

test('SIGHUP ends nothing where there is nothing to read again', async () => {
  server = await startServer('none');
  const stream = await openStream(server);
  server.process.kill('SIGHUP');
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(stream.isOver).toBe(false);
  expect((await send(server, 'GET', '/health')).status).toBe(200);
  expect((await server.stop()).code).toBe(0);
});

test('a port in use ends the process with one line and exit status 1, even if the application holds handles open', async () => {
  const project = await makeOwnProject('own-interval', 'none', {
    'src/app.ts': (text) => `${text}\nsetInterval(() => {}, 1000);\n`,
  });
  const holder = createServer().listen(0, '127.0.0.1');
  await once(holder, 'listening');
  const { port } = holder.address() as AddressInfo;
  const { code, output } = await runServer(project, { PORT: String(port) });
  holder.close();
  expect(code).toBe(1);
  expect(output).toMatch(/^PORT \d+: another program already listens on it[^\n]*\n$/);
});

test("the SDK's warnings about a tool's name come once, as lines of the log", async () => {
  const project = await makeOwnProject('own-name', 'none', {
    'src/tools/echo.ts': (text) => text.replace("'echo'", "'echo,it'"),
  });
  server = await startServer(project);
  for (let i = 0; i < 5; i++) (await openStream(server)).close();
  for (let i = 0; i < 5; i++) await post(server, '/mcp', callTool(i, 'echo,it', { text: '' }), accept);
  const lines = server.output().trim().split('\n');
  expect(lines.filter((line) => !line.startsWith('{'))).toEqual([]);
  expect(lines.filter((line) => line.includes('Tool name validation warning'))).toHaveLength(1);
});
