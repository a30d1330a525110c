import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Auth, authTypes, directoryOf } from '../support/projects.js';
import { type RunningServer, startServer } from '../support/server.js';
import { bearer, expectAdmitted } from './credentials.js';

/** Runs a script of package.json, as `npm run` does. */
async function runScript(
  auth: Auth,
  name: string,
  args: string[] = [],
  settings: Record<string, string> = {},
) {
  const { scripts } = JSON.parse(await readFile(join(directoryOf(auth), 'package.json'), 'utf8'));
  const [node, ...own] = scripts[name].split(' ');
  const { exitCode, stdout, stderr } = await execa(node, [...own, ...args], {
    cwd: directoryOf(auth),
    env: settings,
    reject: false,
  });
  return { exitCode, stdout, stderr };
}

describe.concurrent('the token script', () => {
  let server: RunningServer;
  beforeAll(async () => {
    server = await startServer('jwt');
  });
  afterAll(() => server.stop());

  test('prints a token that the server accepts', async () => {
    const { exitCode, stdout } = await runScript('jwt', 'token', ['--sub', 'alice']);
    expect(exitCode).toBe(0);
    await expectAdmitted(server, bearer(stdout));
  });

  test('sets the claims that it is given, and expires in an hour by default', async () => {
    const { stdout } = await runScript('jwt', 'token', ['--sub', 'alice', '--scope', 'read write']);
    const { iat = 0, exp = 0, ...claims } = decodeJwt(stdout);
    expect(claims).toEqual({ sub: 'alice', scope: 'read write' });
    expect(exp - iat).toBe(3600);
    expect(decodeProtectedHeader(stdout)).toEqual({ alg: 'HS256', typ: 'JWT' });
  });

  test("uses the server's issuer, audience and algorithm", async () => {
    const settings = {
      JWT_ISSUER: 'https://issuer.example',
      JWT_AUDIENCE: 'one, other',
      JWT_ALGORITHMS: 'HS512,HS256',
    };
    const { stdout } = await runScript('jwt', 'token', ['--sub', 'alice', '--expires-in', '30m'], settings);
    expect(decodeJwt(stdout)).toMatchObject({ iss: 'https://issuer.example', aud: ['one', 'other'] });
    expect(decodeProtectedHeader(stdout).alg).toBe('HS512');
  });

  test('accepts options after `--`, as pnpm, yarn and bun pass them on', async () => {
    const { stdout } = await runScript('jwt', 'token', ['--', '--sub', 'bob']);
    expect(decodeJwt(stdout).sub).toBe('bob');
  });

  const usage = 'npm run token -- --sub alice [--expires-in 1h] [--scope "read write"]';
  const times = 'a time such as 30m, 1h or 7d is accepted';
  const refused: [what: string, args: string[], settings: Record<string, string>, line: string][] = [
    ['no subject', [], {}, `--sub: say who the token is for, as in ${usage}`],
    ['an unknown option', ['--user', 'alice'], {}, `Unknown option '--user'; use ${usage}`],
    ['an unknown time', ['--sub', 'a', '--expires-in', 'soon'], {}, `--expires-in soon: ${times}`],
    ['an unknown unit', ['--sub', 'a', '--expires-in', '1 eon'], {}, `--expires-in 1 eon: ${times}`],
    ['a time in the past', ['--sub', 'a', '--expires-in=-1h'], {}, `--expires-in -1h: ${times}`],
    [
      'a short secret',
      ['--sub', 'a'],
      { JWT_SECRET: 'short' },
      'JWT_SECRET: set a secret of 32 bytes or more in .env',
    ],
    [
      'a public key',
      ['--sub', 'a'],
      { JWT_ALGORITHMS: 'RS256' },
      'JWT_ALGORITHMS: only who has the private key can sign with RS256',
    ],
    [
      'an identity provider',
      ['--sub', 'a'],
      { JWT_JWKS_URL: 'https://issuer.example/keys' },
      'JWT_JWKS_URL: only your identity provider can sign tokens for this server',
    ],
  ];
  test.each(refused)('refuses in one line: %s', async (_, args, settings, line) => {
    const { exitCode, stdout, stderr } = await runScript('jwt', 'token', args, settings);
    expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 1, stdout: '', stderr: line });
  });
});

test('the key script prints a new key each time, which a server accepts', async () => {
  const first = await runScript('apikey', 'key');
  const second = await runScript('apikey', 'key');
  expect(first.stdout).toMatch(/^[\w-]{43}$/);
  expect(second.stdout).not.toBe(first.stdout);
  const server = await startServer('apikey', { API_KEY: `new:${first.stdout}` });
  await expectAdmitted(server, { 'X-API-Key': first.stdout });
  await server.stop();
});

test.each(authTypes)('the client settings in the README of a %s server are valid JSON', async (auth) => {
  const readme = await readFile(join(directoryOf(auth), 'README.md'), 'utf8');
  const blocks = [...readme.matchAll(/```json\n(.*?)```/gs)].map(([, block]) => JSON.parse(block as string));
  const servers = blocks.map(({ mcpServers, servers }) => (mcpServers ?? servers)['test-server']);
  expect(servers).toHaveLength(3);
  const header = { jwt: 'Authorization', apikey: 'X-API-Key', custom: 'Authorization', none: undefined }[
    auth
  ];
  for (const { url, headers } of servers) {
    expect(url).toBe('http://127.0.0.1:8080/sse');
    expect(Object.keys(headers ?? {})).toEqual(header === undefined ? [] : [header]);
  }
});
