import {
  isJSONRPCErrorResponse,
  isJSONRPCNotification,
  isJSONRPCRequest,
  isJSONRPCResultResponse,
  type JSONRPCMessage,
  type JSONRPCRequest,
} from '@modelcontextprotocol/server';
import { HttpError } from '../http/errors.ts';

/**
 * The one JSON-RPC message that a body must be. The SDK's own checks decide, so that what passes here is understood
 * there.
 *
 * @throws {HttpError} `invalid_message`
 */
export function requireMessage(json: unknown): JSONRPCMessage {
  if (
    isJSONRPCRequest(json) ||
    isJSONRPCNotification(json) ||
    isJSONRPCResultResponse(json) ||
    isJSONRPCErrorResponse(json)
  ) {
    return json;
  }
  throw new HttpError('invalid_message');
}

/** A tool may return what JSON cannot hold (a bigint, a cycle): its caller then gets an error, not silence. */
export function toJson(message: JSONRPCMessage): string {
  try {
    return JSON.stringify(message);
  } catch (error) {
    if ('method' in message) throw error;
    const reason = { code: -32603, message: 'Internal error: the result cannot be written as JSON' };
    return JSON.stringify({ jsonrpc: '2.0', id: message.id, error: reason });
  }
}

export function internalError({ id }: JSONRPCRequest): JSONRPCMessage {
  return { jsonrpc: '2.0', id, error: { code: -32603, message: 'Internal error' } };
}
