import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { send } from '../support/client.js';
import { type RunningServer, startServer } from '../support/server.js';
import {
  bearer,
  expectAdmitted,
  expectRefused,
  type Headers,
  inSeconds,
  knock,
  noLimit,
  sign,
} from './credentials.js';

// Where the token has to be, and what the answer says when it is not there. A secret, no issuer.

let server: RunningServer;
let token: string;
beforeAll(async () => {
  server = await startServer('jwt', noLimit);
  token = await sign();
});
afterAll(() => server.stop());

test('the scheme may be written in lower case', async () => {
  await expectAdmitted(server, { Authorization: `bearer ${token}` });
});

describe('without a token the challenge names no error:', () => {
  const missing: [what: string, headers: () => Headers, query?: () => string][] = [
    ['no header', () => ({})],
    ['an empty header', () => ({ Authorization: '' })],
    ['a scheme alone', () => ({ Authorization: 'Bearer' })],
    ['another scheme', () => ({ Authorization: `Basic ${token}` })],
    ['no scheme', () => ({ Authorization: token })],
    ['the header twice', () => ({ Authorization: [`Bearer ${token}`, `Bearer ${token}`] })],
    ['the header of API keys', () => ({ 'X-API-Key': token })],
    ['the query', () => ({}), () => `access_token=${token}&token=${token}&Authorization=Bearer%20${token}`],
  ];
  test.each(missing)('%s', async (_, headers, query = () => '') => {
    await expectRefused(server, headers(), /^Bearer realm="mcp"$/, query());
  });
});

test('with a bad token the challenge names the error and nothing else', async () => {
  await expectRefused(server, bearer(`${token}x`), /^Bearer realm="mcp", error="invalid_token"$/);
});

test('why a token was refused is in the line of its refusal, without the token', async () => {
  const strict = await startServer('jwt');
  const expired = await sign({ exp: inSeconds(-1) });
  await knock(strict, 'GET /sse', bearer(expired));
  await strict.logged({ level: 'info', msg: 'request refused', status: 401, reason: 'it has expired' });
  await strict.stop();
  for (const part of expired.split('.')) expect(strict.output()).not.toContain(part);
});

test('AUTH_HEADER names another header, and Authorization is then ignored', async () => {
  const other = await startServer('jwt', { AUTH_HEADER: 'X-Token' });
  await expectAdmitted(other, { 'X-Token': `Bearer ${token}` });
  await expectRefused(other, bearer(token), /^Bearer realm="mcp"$/);
  await other.stop();
});

test('clocks may differ by JWT_CLOCK_TOLERANCE_SECONDS and no more', async () => {
  const tolerant = await startServer('jwt', { JWT_CLOCK_TOLERANCE_SECONDS: '30' });
  await expectAdmitted(tolerant, bearer(await sign({ exp: inSeconds(-20), nbf: inSeconds(20) })));
  await expectRefused(tolerant, bearer(await sign({ exp: inSeconds(-31) })), /invalid_token/);
  await expectRefused(tolerant, bearer(await sign({ nbf: inSeconds(40) })), /invalid_token/);
  await tolerant.stop();
});

test('without an issuer there is no metadata', async () => {
  for (const path of ['', '/sse', '/mcp']) {
    const { status, body } = await send(server, 'GET', `/.well-known/oauth-protected-resource${path}`);
    expect({ status, code: JSON.parse(body).error.code }).toEqual({ status: 404, code: 'not_found' });
  }
});

test('an issuer that is not a URL is checked but not published', async () => {
  const named = await startServer('jwt', { JWT_ISSUER: 'the-office', JWT_AUDIENCE: 'one,other' });
  await expectAdmitted(named, bearer(await sign({ iss: 'the-office', aud: 'other' })));
  await expectRefused(
    named,
    bearer(await sign({ iss: 'elsewhere', aud: 'other' })),
    /^Bearer realm="mcp", error="invalid_token"$/,
  );
  expect((await send(named, 'GET', '/.well-known/oauth-protected-resource')).status).toBe(404);
  await named.stop();
});
