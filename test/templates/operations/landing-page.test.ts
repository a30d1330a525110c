import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { makeOwnProject } from '../auth/own-project.js';
import { send } from '../support/client.js';
import { type Auth, directoryOf, secret } from '../support/projects.js';
import { runServer, startServer } from '../support/server.js';

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

test('a client that speaks Streamable HTTP is told of it first', async () => {
  const { text, server } = await page('none');
  const http = text.indexOf(`claude mcp add --transport http test-server ${server.origin}/mcp</pre>`);
  expect(http).toBeGreaterThan(0);
  expect(text.indexOf('claude mcp add --transport sse')).toBeGreaterThan(http);
});

test("the content security policy allows the server's own files and nothing else", async () => {
  const { headers, body, server } = await page('apikey');
  const policy = [
    "default-src 'none'",
    "style-src 'self'",
    "script-src 'self'",
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "trusted-types 'none'",
    "require-trusted-types-for 'script'",
  ];
  expect(headers['content-security-policy']?.split('; ')).toEqual(policy);
  expect(body).not.toMatch(
    / (on\w+|style)=|<style|<script(?! type="module" src="\/page\/page.js"><\/script>)/,
  );
  const script = await send(server, 'GET', '/page/page.js');
  expect(script.headers['content-type']).toBe('text/javascript; charset=utf-8');
  expect(script.headers['x-content-type-options']).toBe('nosniff');
});

test('every file that the page loads is served, and no other of its folder or outside it', async () => {
  const { body, server } = await page('none');
  const loaded = new Set([...body.matchAll(/"(\/page\/[\w.]+)"/g)].map(([, path]) => path as string));
  for (const path of loaded) {
    const { status, body: text } = await send(server, 'GET', path);
    expect({ path, status }).toEqual({ path, status: 200 });
    for (const [, name] of text.matchAll(/from '\.\/([\w.]+)'/g)) loaded.add(`/page/${name}`);
  }
  expect(loaded.size).toBe(6);
  for (const path of ['/page', '/page/index.html', '/page/../package.json', '/page/%2e%2e/.env']) {
    expect((await send(server, 'GET', path)).status).toBe(404);
  }
});

test('a server whose page is missing does not start, and says what to do', async () => {
  const project = await makeOwnProject('without-page', 'none', {});
  await rename(join(directoryOf(project), 'page'), join(directoryOf(project), 'elsewhere'));
  const { code, output } = await runServer(project, { PORT: '0' });
  expect(code).toBe(1);
  expect(output).toContain('the folder page/ must be next to dist/: copy it there, or set LANDING_PAGE=off');
  await (await startServer(project, { LANDING_PAGE: 'off' })).stop();
});

test.each(['"><script>alert(1)</script>', '$(reboot)', 'a b'])(
  'the Host %s does not get into the page',
  async (host) => {
    const { status, body } = await page('apikey', { ALLOWED_HOSTS: '*' }, { Host: host });
    expect(status).toBe(403);
    expect(body).not.toContain(host);
  },
);
