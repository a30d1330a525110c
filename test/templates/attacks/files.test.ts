import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bearer, sign } from '../auth/credentials.js';
import { makeOwnProject } from '../auth/own-project.js';
import { send } from '../support/client.js';
import { type Auth, directoryOf, importFrom, secret } from '../support/projects.js';
import { runServer, startServer } from '../support/server.js';

// Files as editors and shells of every system write them.

const bom = '\ufeff';
const utf16 = (text: string) => Buffer.from(bom + text, 'utf16le');
const windows1252 = Buffer.from('# caf\xe9\nKEY=x\n', 'latin1');

const folder = mkdtempSync(join(tmpdir(), 'files-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('.env', () => {
  let project: Auth;
  beforeAll(async () => {
    project = await makeOwnProject('dotenv', 'jwt', {});
  });

  const write = (content: string | Buffer) => writeFileSync(join(directoryOf(project), '.env'), content);

  const plain = `# a comment
JWT_SECRET=${secret}
  # an indented comment
\t# and one more
RATE_LIMIT=7
JWT_ISSUER="me # not a comment"
  KEEP_ALIVE_SECONDS=9
`;

  test.each([
    ['as it is', plain],
    ['with CRLF', plain.replaceAll('\n', '\r\n')],
    ['with a byte order mark', bom + plain],
    ['with both', bom + plain.replaceAll('\n', '\r\n')],
    ['without a line end', plain.trimEnd()],
    [
      'with both, and a name in the first line',
      bom + plain.slice(plain.indexOf('JWT')).replaceAll('\n', '\r\n'),
    ],
  ])('%s is read as meant', async (_, content) => {
    write(content);
    const { code, output } = await runServer(project, {}, ['--check']);
    expect({ code, output }).toMatchObject({ code: 0 });
    expect(output).toContain('RATE_LIMIT=7\n');
    expect(output).toContain('JWT_ISSUER="me # not a comment"\n');
    expect(output).toContain('KEEP_ALIVE_SECONDS=9\n');
    expect(output).toContain('JWT_SECRET=(set)\n');
  });

  test.each([
    ['UTF-16', utf16(plain), '.env must be UTF-8; this looks like UTF-16\n'],
    ['UTF-16 without a mark', utf16(plain).subarray(2), '.env must be UTF-8; this looks like UTF-16\n'],
    ['Windows-1252', windows1252, '.env must be UTF-8\n'],
  ])('in %s stops the start with one line', async (_, content, line) => {
    write(content);
    expect(await runServer(project, {})).toEqual({ code: 1, output: line });
  });

  test('is read by the script that signs tokens just as by the server', async () => {
    write(bom + plain.replaceAll('\n', '\r\n'));
    const { stdout } = await execa('node', ['scripts/token.js', '--sub', 'alice'], {
      cwd: directoryOf(project),
    });
    const server = await startServer(project);
    const { status } = await send(server, 'GET', '/metrics', { headers: bearer(stdout) });
    expect(status).toBe(200);
    await server.stop();
  });

  test('wins over nothing that is set already', async () => {
    write('RATE_LIMIT=7');
    const { output } = await runServer(project, { RATE_LIMIT: '8', JWT_SECRET: secret }, ['--check']);
    expect(output).toContain('RATE_LIMIT=8\n');
  });
});

describe('a file of keys', () => {
  const file = join(folder, 'keys');
  const read = async (content: string | Buffer): Promise<string[]> => {
    writeFileSync(file, content);
    const { readKeys } = await importFrom('apikey', 'auth/provider.js');
    return readKeys({ keys: '', keysFile: file, headerName: 'X-API-Key' });
  };

  test('has the same keys whatever system wrote it', async () => {
    const key = fc.stringMatching(/^[A-Za-z0-9_-]{16,40}$/);
    const line = fc.oneof(
      key.map((key) => ({ line: key, key })),
      fc
        .tuple(fc.stringMatching(/^[a-z]{1,8}$/), key)
        .map(([id, key]) => ({ line: `${id}:${key}`, key: `${id}:${key}` })),
      fc.constantFrom('', '# a comment', '   # an indented one', '\t').map((line) => ({ line, key: '' })),
    );
    const lines = fc.array(line, { maxLength: 10 });
    const style = fc.record({
      mark: fc.constantFrom('', bom),
      end: fc.constantFrom('\n', '\r\n'),
      pad: fc.constantFrom('', '  ', '\t'),
      last: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(lines, style, async (lines, { mark, end, pad, last }) => {
        const content = mark + lines.map(({ line }) => pad + line + pad).join(end) + (last ? end : '');
        expect(await read(content)).toEqual(lines.map(({ key }) => key).filter((key) => key !== ''));
      }),
    );
  });

  test.each([
    ['UTF-16', utf16('laptop:a-key-of-the-tests-0123')],
    ['Windows-1252', windows1252],
  ])('in %s stops the start with one line that names it', async (_, content) => {
    writeFileSync(file, content);
    const { code, output } = await runServer('apikey', { API_KEYS_FILE: file });
    expect(code).toBe(1);
    expect(output).toMatch(/^API_KEYS_FILE=\S+ must be UTF-8.*\n$/);
  });
});

test.each(['\n', '\r\n', '  ', '\t\n'])('what is around a secret is cut: %j', async (around) => {
  const server = await startServer('jwt', {
    JWT_SECRET: around + secret + around,
    METRICS_TOKEN: `${secret}${around}`,
  });
  const token = await sign();
  expect((await send(server, 'POST', '/messages', { headers: bearer(token) })).status).toBe(400);
  expect((await send(server, 'GET', '/metrics', { headers: bearer(secret) })).status).toBe(200);
  await server.stop();
  const withKey = await startServer('apikey', { API_KEY: `${around}a:${secret}${around}` });
  expect((await send(withKey, 'GET', '/metrics', { headers: { 'X-API-Key': secret } })).status).toBe(200);
  await withKey.stop();
});
