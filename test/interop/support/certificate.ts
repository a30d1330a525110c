import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';

export interface Certificate {
  certFile: string;
  keyFile: string;
}

/** Makes a certificate for localhost that every process started from here on trusts. */
export async function makeTrustedCertificate() {
  const folder = await mkdtemp(join(tmpdir(), 'interop-'));
  const certificate = { certFile: join(folder, 'localhost.crt'), keyFile: join(folder, 'localhost.key') };
  const { certFile, keyFile } = certificate;
  await execa('openssl', [
    ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost'],
    ...['-addext', 'subjectAltName=DNS:localhost', '-keyout', keyFile, '-out', certFile],
  ]);
  process.env.NODE_EXTRA_CA_CERTS = certFile;
  return { certificate, remove: () => rm(folder, { recursive: true, force: true }) };
}
