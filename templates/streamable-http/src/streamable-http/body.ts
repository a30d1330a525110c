import type { Exchange } from '../http/exchange.ts';
import { readJsonBody } from '../http/request-body.ts';
import type { Work } from '../http/work-limits.ts';
import { maxValuesElsewhere, requireBounded } from '../sessions/json-rpc.ts';
import type { MessageLimits } from '../sessions/read-message.ts';

/**
 * Reads the body of a POST: JSON that is no dearer than messages may be.
 *
 * @throws {HttpError} `invalid_message`, and those of the body
 */
export async function readBody(
  exchange: Exchange,
  { maxBytes, maxValues }: MessageLimits,
  work: Work,
): Promise<{ json: unknown; bytes: number }> {
  const limits = { maxBytes, maxValues: maxValues + maxValuesElsewhere };
  const { json, bytes, values } = await readJsonBody(exchange, limits, work);
  for (const message of Array.isArray(json) ? json : [json]) requireBounded(message, values, maxValues);
  return { json, bytes };
}

export function methodOf(json: unknown): unknown {
  return typeof json === 'object' && json !== null && 'method' in json ? json.method : undefined;
}

/** The ids of the requests among one message or several. */
export function requestIds(json: unknown): (string | number)[] {
  const messages = Array.isArray(json) ? json : [json];
  return messages.flatMap((message) => {
    const isRequest = typeof message === 'object' && message !== null && 'method' in message;
    const { id } = isRequest ? (message as { id?: unknown }) : {};
    return typeof id === 'string' || typeof id === 'number' ? [id] : [];
  });
}

/** Whether a client that sends this takes a stream of events. */
export function acceptsEvents(accept: string): boolean {
  return /\*\/\*|text\/(\*|event-stream)/i.test(accept);
}
