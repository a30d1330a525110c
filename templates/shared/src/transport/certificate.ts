import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';

/** A certificate with its chain, and its private key, in PEM form. */
export interface Certificate {
  cert: string;
  key: string;
}

/** @throws {Error} when one is missing or cannot be read, or the two do not go together; the message never quotes them */
export function readCertificate(certFile: string, keyFile: string): Certificate {
  if (keyFile === '') throw new Error(`TLS_CERT_FILE=${certFile}: TLS_KEY_FILE is needed with it`);
  if (certFile === '') throw new Error(`TLS_KEY_FILE=${keyFile}: TLS_CERT_FILE is needed with it`);
  const certificate = { cert: read('TLS_CERT_FILE', certFile), key: read('TLS_KEY_FILE', keyFile) };
  try {
    createSecureContext(certificate);
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? 'unknown reason';
    throw new Error(
      `TLS_CERT_FILE=${certFile}, TLS_KEY_FILE=${keyFile}: not a certificate and its key (${reason})`,
    );
  }
  return certificate;
}

function read(variable: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(
      `${variable}=${file}: the file cannot be read (${(error as NodeJS.ErrnoException).code})`,
    );
  }
}
