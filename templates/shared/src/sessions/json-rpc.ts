import {
  isJSONRPCErrorResponse,
  isJSONRPCNotification,
  isJSONRPCRequest,
  isJSONRPCResultResponse,
  type JSONRPCMessage,
  type JSONRPCRequest,
} from '@modelcontextprotocol/server';
import { HttpError } from '../http/errors.ts';
import { countValues } from '../monitoring/count-values.ts';
import { isPlainRequest } from '../sdk/plain-messages.ts';

/** Values outside of a call's arguments and a reply's result. Protocol messages have some tens. */
export const maxValuesElsewhere = 1000;

/**
 * Values of a reply's result that the SDK gets to see. It explains each that is wrong, which takes a quarter of a second
 * for 100,000; what people and models answer has some hundred.
 */
const maxResultValues = 5000;

/** Characters of a method and of what a call names, and of an id. */
const maxName = 256;
const maxId = 1024;

/**
 * Bytes that an error reply may have before it is cut, and characters that are left of what it says, six bytes each at
 * most. A schema can have a complaint about each of many values.
 */
const maxErrorBytes = 48_000;
const maxErrorText = 8000;

/**
 * The one JSON-RPC message that a body must be. The SDK's own checks decide, so that what passes here is understood
 * there.
 *
 * @param size of the body: a small one needs no closer look
 * @throws {HttpError} `invalid_message`
 */
export function requireMessage(
  json: unknown,
  { bytes, values }: { bytes: number; values: number },
  maxValues: number,
): JSONRPCMessage {
  if (
    isPlainRequest(json) ||
    isJSONRPCRequest(json) ||
    isJSONRPCNotification(json) ||
    isJSONRPCResultResponse(json) ||
    isJSONRPCErrorResponse(json)
  ) {
    if (bytes > maxName) requireBounded(json, values, maxValues);
    return json;
  }
  throw new HttpError('invalid_message');
}

/**
 * What is cheap to parse can still be dear to check against a schema, to explain and to log.
 *
 * @param values that the body has in all
 * @throws {HttpError} `invalid_message`
 */
export function requireBounded(message: unknown, values: number, maxValues: number): void {
  if (typeof message !== 'object' || message === null) return;
  const { id, method, params, result } = message as Record<string, unknown>;
  const { arguments: given, name, requestId, _meta } = record(params);
  if (isLonger(method, maxName) || isLonger(name, maxName)) {
    throw new HttpError('name_too_long', { limit: maxName });
  }
  if (isLonger(id, maxId) || isLonger(requestId, maxId) || isLonger(record(_meta).progressToken, maxId)) {
    throw new HttpError('id_too_long', { limit: maxId });
  }
  if (values <= maxValuesElsewhere) return;
  const content = countValues(method === 'tools/call' ? given : result, maxValues);
  if (content > maxValues) throw new HttpError('too_many_values', { limit: maxValues });
  if (countValues(message, content + maxValuesElsewhere) > content + maxValuesElsewhere) {
    throw new HttpError('too_many_values', { limit: maxValuesElsewhere });
  }
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function isLonger(value: unknown, most: number): boolean {
  return typeof value === 'string' && value.length > most;
}

/**
 * A message as it can be sent: its caller gets an error instead of silence if a result is missing or cannot be
 * written as JSON (a bigint, a cycle), and errors are of a size that can be read.
 *
 * @returns the message, and its JSON on one line
 */
export function toSendable(message: JSONRPCMessage): { message: JSONRPCMessage; json: string } {
  try {
    const json = JSON.stringify(message);
    if ('method' in message) return { message, json };
    if ('result' in message && message.result?.isError !== true) {
      const { result } = message;
      const isUsual = typeof result === 'object' && result !== null && !('toJSON' in result);
      if (!isUsual || Array.isArray(result)) requireObject(result);
      return { message, json };
    }
    if (json.length * 3 <= maxErrorBytes || Buffer.byteLength(json) <= maxErrorBytes)
      return { message, json };
    const shorter = withoutLongError(message);
    return { message: shorter, json: JSON.stringify(shorter) };
  } catch (error) {
    if ('method' in message || message.id === undefined) throw error;
    const instead = errorReply(message.id, 'Internal error: the result cannot be written as JSON');
    return { message: instead, json: JSON.stringify(instead) };
  }
}

/** JSON leaves out what it has no form for, and the reply would have neither result nor error. @throws {TypeError} */
function requireObject(result: unknown): void {
  if (typeof result !== 'object' || result === null || Array.isArray(result)) {
    throw new TypeError('the result is no object');
  }
  // What was parsed has no functions, so this ends.
  if ('toJSON' in result && typeof result.toJSON === 'function') {
    requireObject(JSON.parse(JSON.stringify(result) ?? 'null'));
  }
}

function withoutLongError(message: JSONRPCMessage): JSONRPCMessage {
  if ('error' in message) {
    const { code, message: text } = message.error;
    return { ...message, error: { code, message: cut(String(text)) } };
  }
  // The SDK's complaint about arguments is a result that says it is an error.
  if ('result' in message && message.result?.isError) {
    const content = message.result.content as { type: string; text?: string }[] | undefined;
    if (content?.some(({ text }) => isLonger(text, maxErrorText))) {
      const shorter = content.map((part) =>
        part.text === undefined ? part : { ...part, text: cut(part.text) },
      );
      return { ...message, result: { ...message.result, content: shorter } };
    }
  }
  return message;
}

function cut(text: string): string {
  return text.length > maxErrorText ? `${text.slice(0, maxErrorText)}…` : text;
}

/** A reply of a client as its tool gets it: an error in place of a result that would hold up everybody. */
export function toCheckable(reply: JSONRPCMessage): JSONRPCMessage {
  if (!('result' in reply) || countValues(reply.result, maxResultValues) <= maxResultValues) return reply;
  return errorReply(reply.id, `The client's result has more than ${maxResultValues} values`);
}

export function isRequest(message: JSONRPCMessage): message is JSONRPCRequest {
  return 'method' in message && 'id' in message;
}

/** Whether a message answers a request of this server whose id begins like this. */
export function isReplyTo(idPrefix: string, message: JSONRPCMessage): boolean {
  return !('method' in message) && typeof message.id === 'string' && message.id.startsWith(idPrefix);
}

/** JSON may hold these three as they are, but clients that split lines as Python does would break an event at them. */
export function withoutLineBreaks(json: string): string {
  if (!json.includes('\u2028') && !json.includes('\u2029') && !json.includes('\u0085')) return json;
  return json.replace(/[\u0085\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

export function internalError({ id }: JSONRPCRequest): JSONRPCMessage {
  return errorReply(id, 'Internal error');
}

export function errorReply(id: JSONRPCRequest['id'], message: string, code = -32603): JSONRPCMessage {
  return { jsonrpc: '2.0', id, error: { code, message } };
}
