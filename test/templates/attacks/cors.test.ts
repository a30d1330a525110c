import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { send } from '../support/client.js';
import { authTypes } from '../support/projects.js';
import { type RunningServer, startServer } from '../support/server.js';

// What a page asks before it may call.

describe.each(authTypes)('with %s', (auth) => {
  let server: RunningServer;
  beforeAll(async () => {
    server = await startServer(auth);
  });
  afterAll(() => server.stop('SIGKILL'));

  const ask = async (asked: string, origin = 'http://localhost:3000') => {
    const headers = {
      Origin: origin,
      'Access-Control-Request-Method': 'POST',
      'Access-Control-Request-Headers': asked,
    };
    const { status, headers: answered } = await send(server, 'OPTIONS', '/mcp', { headers });
    const allowed = String(answered['access-control-allow-headers'] ?? '')
      .toLowerCase()
      .split(', ');
    return { status, allowed };
  };

  test.each([
    'content-type',
    'authorization',
    'x-api-key',
    'last-event-id',
    'mcp-session-id',
    'mcp-protocol-version',
    'mcp-method',
    'mcp-name',
    'mcp-param-city',
    'Mcp-Param-City',
    'mcp-param-a.b',
    'mcp-param-a_b',
  ])('%s may be sent', async (name) => {
    const { status, allowed } = await ask(`x-other, ${name}`);
    expect(status).toBe(204);
    expect(allowed).toContain(name.toLowerCase());
    expect(allowed).not.toContain('x-other');
  });

  test.each(['x-mcp-param-a', 'mcp-param-', 'mcp-param-a b', 'mcp-param-a\tb', 'mcp-param-é', 'cookie', '*'])(
    '%j may not',
    async (name) => {
      const { allowed } = await ask(Buffer.from(name).toString('latin1'));
      expect(allowed).not.toContain(name.toLowerCase());
    },
  );
});
