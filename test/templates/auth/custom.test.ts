import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { callTool, openStream, send } from '../support/client.js';
import { type RunningServer, startServer } from '../support/server.js';
import {
  bearer,
  endpoints,
  expectAdmitted,
  expectRefused,
  inSeconds,
  knock,
  noLimit,
} from './credentials.js';
import { makeOwnProject } from './own-project.js';

async function whoami(server: RunningServer, headers: Record<string, string>): Promise<string> {
  const stream = await openStream(server, { headers });
  await stream.post(callTool(1, 'whoami'));
  const { result } = await stream.message(1);
  stream.close();
  return result.content[0].text;
}

describe('a custom provider as generated', () => {
  let server: RunningServer;
  beforeAll(async () => {
    server = await startServer('custom');
  });
  afterAll(() => server.stop());

  test('refuses every request', async () => {
    await expectRefused(server, {}, /^Bearer realm="mcp"$/);
    await expectRefused(
      server,
      { ...bearer('anything'), 'X-API-Key': 'anything', Cookie: 'session=1' },
      /^Bearer realm="mcp"$/,
    );
  });

  test('publishes no OAuth metadata', async () => {
    expect((await send(server, 'GET', '/.well-known/oauth-protected-resource')).status).toBe(404);
  });

  test('counts every refused request as a guess, 20 a minute', async () => {
    const limited = await startServer('custom');
    for (let i = 0; i < 20; i++) {
      expect((await knock(limited, 'GET /sse', { 'X-Own-Header': String(i) })).status).toBe(401);
    }
    expect((await knock(limited, 'GET /sse', { 'X-Own-Header': '20' })).status).toBe(429);
    await limited.stop();
  });
});

// Names that this server's own contract could have used are private here, as they may be in anybody's class. Its fields
// are declared rather than constructor parameters, since `erasableSyntaxOnly` allows no parameter properties.
const mcpFrameworkStyle = `
import { IncomingMessage } from "node:http";
import type { AuthProvider, AuthResult } from "./auth-provider.js";

const people: Record<string, { sub: string; role: string }> = {
  "alice-token": { sub: "alice", role: "admin" },
  "bob-token": { sub: "bob", role: "guest" },
};

export class CustomAuthProvider implements AuthProvider {
  private headerName: string;
  private challenge = "none";
  private readonly issuer: string;

  constructor(issuer = "https://not-published.example") {
    this.issuer = issuer;
    this.headerName = "x-team-token";
  }

  async authenticate(req: IncomingMessage): Promise<boolean | AuthResult> {
    const token = req.headers[this.headerName];
    if (typeof token !== "string" || this.challenge === this.issuer) return false;
    if (token.startsWith("plain-")) return true;
    const person = people[token];
    return person ? { data: person } : false;
  }

  getAuthError(): { status: number; message: string } {
    return { status: 403, message: "Ask the team for a token" };
  }
}
`;

describe("a class written for MCP Framework's interface", () => {
  let server: RunningServer;
  beforeAll(async () => {
    const files = { 'src/auth/custom-auth-provider.ts': mcpFrameworkStyle };
    server = await startServer(await makeOwnProject('custom-mcp-framework', 'custom', files), noLimit);
  });
  afterAll(() => server.stop());

  test('accepts and refuses with its own status and message', async () => {
    await expectAdmitted(server, { 'X-Team-Token': 'alice-token' });
    await expectAdmitted(server, { 'X-Team-Token': 'plain-token' });
    for (const endpoint of endpoints) {
      const { status, body } = await knock(server, endpoint, { 'X-Team-Token': 'wrong' });
      expect(status).toBe(403);
      expect(JSON.parse(body)).toEqual({
        error: { code: 'unauthorized', message: 'Ask the team for a token' },
      });
    }
  });

  test('passes what it returns to tools', async () => {
    expect(await whoami(server, { 'X-Team-Token': 'bob-token' })).toBe('bob');
  });

  test('may have private fields named like optional parts of the contract', async () => {
    expect((await send(server, 'GET', '/.well-known/oauth-protected-resource')).status).toBe(404);
  });

  test("keeps callers apart: no caller can use another's session", async () => {
    const stream = await openStream(server, { headers: { 'X-Team-Token': 'alice-token' } });
    expect((await stream.post(callTool(1, 'whoami'), { 'X-Team-Token': 'bob-token' })).status).toBe(404);
    stream.close();
  });
});

const companyKeys = (scheme: string) => `
import type { IncomingMessage } from 'node:http';
import type { AuthProvider } from './auth-provider.ts';

export class CustomAuthProvider implements AuthProvider {
  ${scheme}
  async authenticate({ headers }: IncomingMessage): Promise<boolean> {
    const key = headers['x-company-key'];
    return key ? ['alice-key', 'bob-key'].includes(String(key)) : headers.cookie !== undefined;
  }
}
`;

describe('a provider that returns only true, for a header of its own', () => {
  const key = (name: string, address = '192.0.2.1') => ({
    'X-Company-Key': `${name}-key`,
    'X-Forwarded-For': address,
  });

  async function start(name: string, scheme = '') {
    const files = { 'src/auth/custom-auth-provider.ts': companyKeys(scheme) };
    const server = await startServer(await makeOwnProject(name, 'custom', files), { TRUST_PROXY: '1' });
    onTestFinished(() => void server.stop());
    return server;
  }

  const namedHeader = `readonly credentialScheme = { headerName: 'X-Company-Key', challenge: () => 'Key realm="mcp"' };`;

  /** Opens a session, and POSTs to it with other headers. */
  async function postTo(
    server: RunningServer,
    opener: Record<string, string>,
    other: Record<string, string>,
  ) {
    const stream = await openStream(server, { headers: opener });
    const { status } = await stream.post(callTool(1, 'whoami'), other);
    stream.close();
    return status;
  }

  test('tells callers apart by address, and the log says once what to do', async () => {
    const server = await start('custom-own-header');
    expect(await postTo(server, key('alice'), key('bob', '192.0.2.2'))).toBe(404);
    expect(await postTo(server, key('alice'), key('alice'))).toBe(202);
    await server.logged({ level: 'warn' });
    expect(server.output().match(/"level":"warn".*callerId/g)).toHaveLength(1);
  });

  test('tells callers apart by their key if `credentialScheme` names the header, whatever the address', async () => {
    const server = await start('custom-named-header', namedHeader);
    expect(await postTo(server, key('alice'), key('bob'))).toBe(404);
    expect(await postTo(server, key('alice'), key('alice', '192.0.2.2'))).toBe(202);
    expect(server.output()).not.toContain('"level":"warn"');
  });

  test('ignores other headers then: a session survives when a load balancer changes its cookie', async () => {
    const server = await start('custom-sticky-cookie', namedHeader);
    const sticky = (name: string, node: string) => ({
      ...key(name),
      Cookie: `lb=${node}`,
      Authorization: `Basic ${node}`,
      'X-API-Key': node,
    });
    expect(await postTo(server, sticky('alice', 'a'), sticky('alice', 'b'))).toBe(202);
    expect(await postTo(server, sticky('alice', 'a'), key('alice'))).toBe(202);
    expect(await postTo(server, key('alice'), sticky('alice', 'b'))).toBe(202);
    expect(await postTo(server, sticky('alice', 'a'), sticky('bob', 'a'))).toBe(404);
  });

  test('tells callers apart by the usual headers if the named one is missing or empty', async () => {
    const server = await start('custom-either', namedHeader);
    const missing = (name: string) => ({ Cookie: `session=${name}` });
    const empty = (name: string) => ({ ...missing(name), 'X-Company-Key': '' });
    for (const cookie of [missing, empty]) {
      expect(await postTo(server, cookie('alice'), cookie('bob'))).toBe(404);
      expect(await postTo(server, cookie('alice'), cookie('alice'))).toBe(202);
    }
  });
});

const faulty = `
import type { IncomingMessage } from 'node:http';
import type { AuthProvider, AuthResult } from './auth-provider.ts';

export class CustomAuthProvider implements AuthProvider {
  async authenticate({ headers }: IncomingMessage): Promise<boolean | AuthResult> {
    const what = headers.authorization?.slice('Bearer '.length) ?? '';
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    if (what === 'throws') throw new Error('the directory is down');
    if (what === 'throws nothing') throw undefined;
    if (what === 'hangs') return new Promise(() => {});
    if (what === 'has a cycle') return { data: cycle };
    if (what === 'has ended') return { callerId: 'alice', expiresAt: 1 };
    return what.startsWith('good');
  }
}
`;

describe('a provider that fails', () => {
  let server: RunningServer;
  beforeAll(async () => {
    const files = { 'src/auth/custom-auth-provider.ts': faulty };
    server = await startServer(await makeOwnProject('custom-faulty', 'custom', files), noLimit);
  });
  afterAll(() => server.stop());

  async function expectUnavailable(headers: Record<string, string>) {
    const answers = await Promise.all(endpoints.map((endpoint) => knock(server, endpoint, headers)));
    for (const { status, headers, body } of answers) {
      expect(status).toBe(503);
      expect(headers['retry-after']).toBe('5');
      expect(JSON.parse(body).error).toEqual({
        code: 'auth_unavailable',
        message: 'The credential cannot be checked at the moment',
      });
    }
  }

  test.each(['throws', 'throws nothing', 'has a cycle'])(
    'that %s gets 503, and the server keeps running',
    async (fault) => {
      await expectUnavailable(bearer(fault));
      await expectAdmitted(server, bearer('good'));
    },
  );

  test('leaves the reason in the log', async () => {
    await expectUnavailable(bearer('throws'));
    await server.logged({ level: 'error', msg: 'the auth provider failed' });
    expect(server.output()).toContain('the directory is down');
  });

  test('that hangs gets 503 after 10 seconds, while others are let in', async () => {
    const start = Date.now();
    const unavailable = expectUnavailable(bearer('hangs'));
    await expectAdmitted(server, bearer('good'));
    expect(Date.now() - start).toBeLessThan(5000);
    await unavailable;
    expect(Date.now() - start).toBeGreaterThanOrEqual(9900);
  });

  test('is refused if the credential that it returns has expired', async () => {
    await expectRefused(server, bearer('has ended'), /^Bearer realm="mcp"$/);
  });

  test('that returns only true has its callers told apart by their credentials', async () => {
    const stream = await openStream(server, { headers: bearer('good one') });
    expect((await stream.post(callTool(1, 'whoami'), bearer('good other'))).status).toBe(404);
    expect((await stream.post(callTool(1, 'whoami'))).status).toBe(202);
    expect((await stream.message(1)).result.content[0].text).not.toContain('good');
    stream.close();
  });
});

const withIntrospection = `
import type { AuthProvider } from './auth-provider.ts';
import { IntrospectionAuthProvider } from './introspection-example.ts';
import { withTimeout } from './with-timeout.ts';

export function createAuthProvider(settings: { url: string; authorization: string }): AuthProvider {
  return withTimeout(new IntrospectionAuthProvider({ ...settings, audience: 'me' }), 10_000);
}
`;

/** The provider's settings are declared with the others, and main.ts hands them over. */
const withSettings = {
  'src/config.ts': (text: string) =>
    text.replace(
      '    // Settings of your own.',
      `    introspection: {
      url: env.text('INTROSPECTION_URL', '', 'Where the OAuth server is asked about a token.'),
      authorization: env.secret('INTROSPECTION_AUTHORIZATION', 'How it knows this server.'),
    },
$&`,
    ),
  'src/main.ts': (text: string) =>
    text.replace('createAuthProvider()', 'createAuthProvider(config.introspection)'),
};

describe('the example that asks an OAuth server', () => {
  /** What that server answers, by token. */
  const answers: Record<string, object> = {
    good: { active: true, sub: 'alice', aud: ['me', 'other'], scope: 'read write', exp: inSeconds(300) },
    machine: { active: true, client_id: 'ci', aud: 'me' },
    withdrawn: { active: false },
    foreign: { active: true, sub: 'alice', aud: 'other' },
    unaddressed: { active: true, sub: 'alice' },
    nobody: { active: true, aud: 'me' },
  };
  const asked: string[] = [];
  const oauth = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const token = new URLSearchParams(body).get('token') ?? '';
    asked.push(`${request.method} ${request.headers.authorization} ${token}`);
    if (token === 'fails') response.writeHead(500).end();
    else response.end(JSON.stringify(answers[token] ?? { active: false }));
  });

  let server: RunningServer;
  beforeAll(async () => {
    oauth.listen(0, '127.0.0.1');
    await once(oauth, 'listening');
    const files = { ...withSettings, 'src/auth/provider.ts': withIntrospection };
    server = await startServer(await makeOwnProject('custom-introspection', 'custom', files), {
      ...noLimit,
      INTROSPECTION_URL: `http://127.0.0.1:${(oauth.address() as AddressInfo).port}/introspect`,
      INTROSPECTION_AUTHORIZATION: 'Basic bWU6c2VjcmV0',
    });
  });
  afterAll(async () => {
    await server.stop();
    oauth.closeAllConnections();
    oauth.close();
  });

  test('accepts tokens that the server knows, and asks once for many requests', async () => {
    expect(await whoami(server, bearer('good'))).toBe('alice (scopes: read write)');
    expect(await whoami(server, bearer('machine'))).toBe('ci');
    await expectAdmitted(server, bearer('good'));
    expect(asked.filter((line) => line.endsWith(' good'))).toEqual(['POST Basic bWU6c2VjcmV0 good']);
  });

  test.each(['withdrawn', 'foreign', 'unaddressed', 'nobody', 'unknown'])(
    'refuses a token: %s',
    async (token) => {
      await expectRefused(server, bearer(token), /^Bearer realm="mcp"$/);
    },
  );

  test('answers 503 if the server fails', async () => {
    for (const endpoint of endpoints)
      expect((await knock(server, endpoint, bearer('fails'))).status).toBe(503);
  });
});
