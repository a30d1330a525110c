import { createHash } from 'node:crypto';
import { expect, onTestFinished, test } from 'vitest';
import { send } from '../support/client.js';
import { type Auth, secret } from '../support/projects.js';
import { startServer } from '../support/server.js';

// The page at `/`, as it is sent. How it looks and works in a browser is tested in test/slow.

async function page(auth: Auth, settings: Record<string, string> = {}, headers: Record<string, string> = {}) {
  const server = await startServer(auth, settings);
  onTestFinished(() => void server.stop());
  const answer = await send(server, 'GET', '/', { headers });
  const text = answer.body.replace(/&#(\d+);/g, (_, code) => String.fromCharCode(code));
  return { ...answer, text, server };
}

test.each([
  ['apikey', 'X-API-Key: <key>'],
  ['jwt', 'Authorization: Bearer <token>'],
  ['custom', 'Authorization: Bearer <token>'],
] as const)(
  'with %s the client settings have the header and a placeholder for the credential',
  async (auth, header) => {
    const { status, headers, text, server } = await page(auth);
    expect({ status, type: headers['content-type'] }).toEqual({
      status: 200,
      type: 'text/html; charset=utf-8',
    });
    expect(text).toContain(
      `claude mcp add --transport sse test-server ${server.origin}/sse --header "${header}"`,
    );
    expect(text).not.toContain(secret);
  },
);

test('without credentials the client settings have no header', async () => {
  const { text, server } = await page('none');
  expect(text).toContain(`claude mcp add --transport sse test-server ${server.origin}/sse</pre>`);
});

test('behind a proxy the client settings have the public URL', async () => {
  const { text } = await page(
    'apikey',
    { BASE_PATH: '/mine', TRUST_PROXY: '1', ALLOWED_HOSTS: 'mcp.example.com' },
    { Host: 'mcp.example.com', 'X-Forwarded-Proto': 'https' },
  );
  expect(text).toContain('"url": "https://mcp.example.com/mine/sse"');
  expect(text).toContain('data-health="/mine/health"');
});

test("the content security policy allows the page's own style and script and nothing else", async () => {
  const { headers, body } = await page('apikey');
  const hash = (tag: string) => {
    const text = new RegExp(`<${tag}>([^]*?)</${tag}>`).exec(body)?.[1] as string;
    return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
  };
  expect(headers['content-security-policy']?.split('; ')).toEqual([
    "default-src 'none'",
    `style-src ${hash('style')}`,
    `script-src ${hash('script')}`,
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ]);
  expect(body).not.toMatch(/ (on\w+|style|src)=/);
});

test.each(['"><script>alert(1)</script>', '$(reboot)', 'a b'])(
  'the Host %s does not get into the page',
  async (host) => {
    const { status, body } = await page('apikey', { ALLOWED_HOSTS: '*' }, { Host: host });
    expect(status).toBe(403);
    expect(body).not.toContain(host);
  },
);
