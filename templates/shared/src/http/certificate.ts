import { createSecureContext } from 'node:tls';
import { readBytes } from '../settings/text-file.ts';

/** A certificate with its chain, and its private key, in PEM form. */
export interface Certificate {
  cert: string;
  key: string;
}

/**
 * Where the certificate comes from.
 *
 * @returns reads it, or undefined if neither file is set
 */
export function certificateReader({ certFile, keyFile }: { certFile: string; keyFile: string }) {
  return certFile || keyFile ? () => readCertificate(certFile, keyFile) : undefined;
}

/** @throws {Error} if a file is missing or cannot be read, or the two do not match; the message never quotes them */
function readCertificate(certFile: string, keyFile: string): Certificate {
  if (keyFile === '') throw new Error(`TLS_CERT_FILE=${certFile} needs TLS_KEY_FILE too`);
  if (certFile === '') throw new Error(`TLS_KEY_FILE=${keyFile} needs TLS_CERT_FILE too`);
  const certificate = {
    cert: readBytes(`TLS_CERT_FILE=${certFile}`, certFile).toString(),
    key: readBytes(`TLS_KEY_FILE=${keyFile}`, keyFile).toString(),
  };
  try {
    createSecureContext(certificate);
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? 'unknown reason';
    throw new Error(
      `TLS_CERT_FILE=${certFile}, TLS_KEY_FILE=${keyFile} must be a certificate and its key (${reason})`,
    );
  }
  return certificate;
}
