import { isUtf8 } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { HttpError } from './errors.ts';
import { requireFewValues } from './json-structure.ts';
import type { Work } from './work-limits.ts';

export interface BodyLimits {
  maxBytes: number;
  /** Values that the JSON may have in all, each key, item and container counted. */
  maxValues: number;
}

/** Bytes of memory that a value may take, however few stand for it in the text; and how many take too little to count. */
const bytesOfValue = 64;
const fewValues = 1000;

/**
 * Reads a JSON body, never holding much more than its bytes, however small the pieces it comes in.
 *
 * @param work what the bytes count towards
 * @throws {HttpError} `unsupported_media_type`, `message_too_large` (before reading if Content-Length says so,
 *   else as soon as the limit is passed), `parse_error`, `invalid_message` for too many values, `bad_request` when the
 *   client went away, and those of `work`
 */
export async function readJsonBody(
  { request, response }: { request: IncomingMessage; response: ServerResponse },
  { maxBytes, maxValues }: BodyLimits,
  work: Work,
): Promise<{ json: unknown; text: string; bytes: number; values: number }> {
  requireJson(request);
  if (Number(request.headers['content-length']) > maxBytes) throw tooLarge(maxBytes);
  // The client waits for a sign that its body is wanted (RFC 9110, section 10.1.1); now it is.
  if (request.headers.expect !== undefined && request.httpVersion !== '1.0') response.writeContinue();
  const body = await readBytes(request, maxBytes, work);
  const values = requireFewValues(body, maxValues);
  if (values > fewValues) work.hold(bytesOfValue * values);
  const text = decode(body);
  return { json: parseJson(text), text, bytes: body.length, values };
}

/** A page can send text/plain anywhere without a preflight; requiring JSON makes the browser ask first. */
function requireJson({ headers }: IncomingMessage): void {
  const contentType = headers['content-type'] ?? '';
  const end = contentType.indexOf(';');
  const mediaType = (end === -1 ? contentType : contentType.slice(0, end)).trim().toLowerCase();
  if (mediaType !== 'application/json') throw new HttpError('media_type_not_json');
  // A compressed body could unpack to any size; no MCP client sends one.
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') throw new HttpError('body_encoded');
}

const nothing = Buffer.alloc(0);

function readBytes(request: IncomingMessage, maxBytes: number, work: Work): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const cutShort = () => reject(new HttpError('body_cut_short'));
    if (request.destroyed) {
      cutShort();
      return;
    }
    // Nearly every body comes in one piece, which is used as it is. Others are copied into a buffer that grows: a list of
    // pieces of one byte each would take hundreds of times their bytes.
    let body: Buffer = nothing;
    let size = 0;
    const onData = (piece: Buffer) => {
      try {
        if (size + piece.length > maxBytes) throw tooLarge(maxBytes);
        work.hold(piece.length);
        if (body === nothing) body = piece;
        else {
          if (size + piece.length > body.length) body = grow(body, size, size + piece.length);
          piece.copy(body, size);
        }
        size += piece.length;
      } catch (error) {
        request.off('data', onData);
        reject(error);
      }
    };
    request.on('data', onData);
    request.once('end', () => resolve(body.length === size ? body : body.subarray(0, size)));
    request.once('error', cutShort);
  });
}

function grow(body: Buffer, size: number, needed: number): Buffer {
  const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * body.length));
  body.copy(larger, 0, 0, size);
  return larger;
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
