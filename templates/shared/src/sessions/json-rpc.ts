import {
  isJSONRPCErrorResponse,
  isJSONRPCNotification,
  isJSONRPCRequest,
  isJSONRPCResultResponse,
  type JSONRPCMessage,
  type JSONRPCRequest,
} from '@modelcontextprotocol/server';
import { HttpError } from '../http/errors.ts';
import { countValues } from '../http/json-structure.ts';

/** Values outside of a call's arguments and a reply's result. Protocol messages have some tens. */
export const maxValuesElsewhere = 1000;

/** Characters of a method and of what a call names, and of an id. */
const maxName = 256;
const maxId = 1024;

/** Characters of what an error says. A schema can have a complaint about each of many values. */
const maxErrorText = 16_000;

/**
 * The one JSON-RPC message that a body must be. The SDK's own checks decide, so that what passes here is understood
 * there.
 *
 * @param bytes of the body: a small one cannot have too many values
 * @throws {HttpError} `invalid_message`
 */
export function requireMessage(json: unknown, bytes: number, maxValues: number): JSONRPCMessage {
  if (
    isJSONRPCRequest(json) ||
    isJSONRPCNotification(json) ||
    isJSONRPCResultResponse(json) ||
    isJSONRPCErrorResponse(json)
  ) {
    if (bytes > maxName) requireBounded(json, maxValues);
    return json;
  }
  throw new HttpError('invalid_message');
}

/** What is cheap to parse can still be dear to check against a schema, to explain and to log. */
export function requireBounded(message: unknown, maxValues: number): void {
  if (typeof message !== 'object' || message === null) return;
  const { id, method, params, result } = message as Record<string, unknown>;
  const { arguments: given, name, requestId, _meta } = record(params);
  if (isLonger(method, maxName) || isLonger(name, maxName)) {
    throw new HttpError('name_too_long', { limit: maxName });
  }
  if (isLonger(id, maxId) || isLonger(requestId, maxId) || isLonger(record(_meta).progressToken, maxId)) {
    throw new HttpError('id_too_long', { limit: maxId });
  }
  const content = countValues(given ?? result, maxValues);
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
  const isError = 'error' in message || ('result' in message && message.result?.isError === true);
  const sendable = isError ? withoutLongError(message) : message;
  try {
    if ('result' in sendable && sendable.result === undefined) throw new Error('there is no result');
    return { message: sendable, json: JSON.stringify(sendable) };
  } catch (error) {
    if ('method' in sendable || sendable.id === undefined) throw error;
    const instead = errorReply(sendable.id, 'Internal error: the result cannot be written as JSON');
    return { message: instead, json: JSON.stringify(instead) };
  }
}

function withoutLongError(message: JSONRPCMessage): JSONRPCMessage {
  if ('error' in message) {
    const { code, message: text, data } = message.error;
    const isLong = text.length > maxErrorText || (JSON.stringify(data)?.length ?? 0) > maxErrorText;
    return isLong ? { ...message, error: { code, message: cut(text) } } : message;
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

export function internalError({ id }: JSONRPCRequest): JSONRPCMessage {
  return errorReply(id, 'Internal error');
}

export function errorReply(id: JSONRPCRequest['id'], message: string, code = -32603): JSONRPCMessage {
  return { jsonrpc: '2.0', id, error: { code, message } };
}
