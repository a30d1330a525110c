import type { JSONRPCMessage } from '@modelcontextprotocol/server';
import type { Exchange } from '../http/exchange.ts';
import { readJsonBody } from '../http/request-body.ts';
import type { Work } from '../http/work-limits.ts';
import { maxValuesElsewhere, requireMessage } from './json-rpc.ts';

export interface MessageLimits {
  /** Bytes that one message may have. */
  maxBytes: number;
  /** Values that a call's arguments or a reply's result may have. */
  maxValues: number;
}

/**
 * Reads the one JSON-RPC message of a request. A message that cannot be taken ends the work.
 *
 * @throws {HttpError} `invalid_message`, and those of the body
 */
export async function readMessage(
  exchange: Exchange,
  { maxBytes, maxValues }: MessageLimits,
  work: Work,
): Promise<{ message: JSONRPCMessage; text: string; bytes: number }> {
  try {
    const limits = { maxBytes, maxValues: maxValues + maxValuesElsewhere };
    const { json, text, bytes, values } = await readJsonBody(exchange, limits, work);
    return { message: requireMessage(json, { bytes, values }, maxValues), text, bytes };
  } catch (error) {
    work.end();
    throw error;
  }
}
