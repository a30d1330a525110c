import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get, request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectionOptions, connect } from 'node:tls';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import { makeCertificate } from '../../support/certificate.js';
import { secret } from '../support/projects.js';
import { goodHeaders, type RunningServer, runServer, startServer } from '../support/server.js';

const folder = mkdtempSync(join(tmpdir(), 'create-mcp-sse-tls-'));
afterAll(() => rmSync(folder, { recursive: true }));

const first = makeCertificate(folder, 'first');
const second = makeCertificate(folder, 'second');

/** Starts a server whose certificate can be replaced. */
async function start() {
  const cert = join(folder, 'current.crt');
  const key = join(folder, 'current.key');
  const install = (files: { cert: string; key: string }) => {
    copyFileSync(files.cert, cert);
    copyFileSync(files.key, key);
  };
  install(first);
  const server = await startServer('apikey', { TLS_CERT_FILE: cert, TLS_KEY_FILE: key });
  onTestFinished(() => void server.stop());
  return { server, install, cert };
}

/** A TLS connection, once its handshake is done. */
async function handshake({ port }: RunningServer, options: ConnectionOptions = {}) {
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options });
  onTestFinished(() => void socket.destroy());
  await once(socket, 'secureConnect');
  return { version: socket.getProtocol(), name: socket.getPeerCertificate().subject.CN };
}

test('with a certificate the server speaks HTTPS, and clients can verify it', async () => {
  const { server } = await start();
  expect(server.origin).toMatch(/^https:/);
  const request = get(`${server.origin}/health`, { ca: readFileSync(first.cert), agent: false });
  const [response] = await once(request, 'response');
  response.resume();
  expect(response.statusCode).toBe(200);
});

test('TLS 1.2 and 1.3 are accepted, and nothing older', async () => {
  const { server } = await start();
  expect((await handshake(server)).version).toBe('TLSv1.3');
  expect((await handshake(server, { maxVersion: 'TLSv1.2' })).version).toBe('TLSv1.2');
  const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
  await expect(handshake(server, old)).rejects.toThrow(/alert protocol version/);
});

test('SIGHUP loads a new certificate, and open streams continue', async () => {
  const { server, install } = await start();
  const request = get(`${server.origin}/sse`, {
    headers: goodHeaders.apikey,
    rejectUnauthorized: false,
    agent: false,
  });
  const [stream] = await once(request, 'response');
  onTestFinished(() => void request.destroy());
  const [event] = await once(stream, 'data');
  const path = /data: (\S+)/.exec(String(event))?.[1] as string;

  install(second);
  server.process.kill('SIGHUP');
  await server.logged({ msg: 'certificate renewed' });
  expect((await handshake(server)).name).toBe('second');

  const reply = once(stream, 'data');
  await postInsecurely(server, path, '{"jsonrpc":"2.0","id":1,"method":"ping"}');
  expect(String(await reply)).toContain('"id":1');
});

test('an invalid new certificate is refused and logged, and the old one stays in use', async () => {
  const { server, cert } = await start();
  writeFileSync(cert, 'no certificate');
  server.process.kill('SIGHUP');
  const { level, reason } = await server.logged({ msg: 'certificate not renewed' });
  expect({ level, reason }).toEqual({
    level: 'error',
    reason: expect.stringMatching(/^TLS_CERT_FILE=.* must be a certificate and its key \(ERR_OSSL_\w+\)$/),
  });
  expect((await handshake(server)).name).toBe('first');
});

test.each([
  [
    "a key that is another certificate's",
    { TLS_CERT_FILE: first.cert, TLS_KEY_FILE: second.key },
    /must be a certificate and its key/,
  ],
  [
    'a missing file',
    { TLS_CERT_FILE: '/no/such.crt', TLS_KEY_FILE: first.key },
    /^TLS_CERT_FILE=\/no\/such\.crt must be a file that can be read \(ENOENT\)\n$/,
  ],
  [
    'the certificate alone',
    { TLS_CERT_FILE: first.cert },
    /^TLS_CERT_FILE=\S+first\.crt needs TLS_KEY_FILE too\n$/,
  ],
  ['the key alone', { TLS_KEY_FILE: first.key }, /^TLS_KEY_FILE=\S+first\.key needs TLS_CERT_FILE too\n$/],
])('the server does not start with %s', async (_, settings, message) => {
  const { code, output } = await runServer('apikey', { API_KEY: secret, ...settings } as Record<
    string,
    string
  >);
  expect(code).toBe(1);
  expect(output).toMatch(message);
  expect(output).not.toContain('PRIVATE KEY');
});

test('plain HTTP on the HTTPS port breaks nothing', async () => {
  const { server } = await start();
  await expect(fetch(`http://127.0.0.1:${server.port}/health`)).rejects.toThrow();
  expect((await handshake(server)).name).toBe('first');
});

async function postInsecurely({ origin }: RunningServer, path: string, body: string) {
  const request = httpsRequest(origin + path, {
    method: 'POST',
    headers: { ...goodHeaders.apikey, 'Content-Type': 'application/json' },
    rejectUnauthorized: false,
    agent: false,
  });
  request.end(body);
  const [response] = await once(request, 'response');
  response.resume();
  expect(response.statusCode).toBe(202);
}
