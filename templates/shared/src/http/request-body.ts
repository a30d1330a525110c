import { isUtf8 } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { HttpError } from './errors.ts';

/**
 * Reads a JSON body, never holding more than `maxBytes` of it.
 *
 * @throws {HttpError} `unsupported_media_type`, `message_too_large` (before reading if Content-Length says so,
 *   else as soon as the limit is passed), `parse_error`, `bad_request` when the client went away
 */
export async function readJsonBody(
  { request, response }: { request: IncomingMessage; response: ServerResponse },
  maxBytes: number,
): Promise<{ json: unknown; text: string; bytes: number }> {
  requireJson(request);
  if (Number(request.headers['content-length']) > maxBytes) throw tooLarge(maxBytes);
  // The client waits for a sign that its body is wanted (RFC 9110, section 10.1.1); now it is.
  if (request.headers.expect !== undefined && request.httpVersion !== '1.0') response.writeContinue();
  const body = await readBytes(request, maxBytes);
  const text = decode(body);
  return { json: parseJson(text), text, bytes: body.length };
}

/** A page can send text/plain anywhere without a preflight; requiring JSON makes the browser ask first. */
function requireJson(request: IncomingMessage): void {
  const contentType = request.headers['content-type'] ?? '';
  const end = contentType.indexOf(';');
  const mediaType = (end === -1 ? contentType : contentType.slice(0, end)).trim().toLowerCase();
  if (mediaType !== 'application/json') throw new HttpError('media_type_not_json');
  // A compressed body could unpack to any size; no MCP client sends one.
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') throw new HttpError('body_encoded');
}

function readBytes(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const cutShort = () => reject(new HttpError('body_cut_short'));
    if (request.destroyed) {
      cutShort();
      return;
    }
    const chunks: Buffer[] = [];
    let size = 0;
    const onData = (chunk: Buffer) => {
      size += chunk.length;
      if (size <= maxBytes) {
        chunks.push(chunk);
        return;
      }
      request.off('data', onData);
      reject(tooLarge(maxBytes));
    };
    request.on('data', onData);
    request.once('end', () =>
      resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, size)),
    );
    request.once('error', cutShort);
  });
}

/** Decoding would replace invalid bytes silently, and the tool would see a text that was never sent. */
function decode(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw new HttpError('parse_error');
  return bytes.toString();
}

/** Why it failed is not passed on: the parser's message quotes the body. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new HttpError('parse_error');
  }
}

function tooLarge(maxBytes: number): HttpError {
  return new HttpError('message_too_large', { limit: maxBytes });
}
