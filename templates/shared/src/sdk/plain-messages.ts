import type { JSONRPCRequest, Result } from '@modelcontextprotocol/server';

// What nearly every message is, told without a schema. A function that says no has found nothing wrong: it is for the SDK to say.

/** A request with nothing in it but what every request has, and parameters without `_meta`. */
export function isPlainRequest(json: unknown): json is JSONRPCRequest {
  if (!isRecord(json) || json.jsonrpc !== '2.0' || typeof json.method !== 'string') return false;
  const { id, params } = json;
  if (typeof id !== 'string' && !Number.isSafeInteger(id)) return false;
  for (const key in json) {
    if (key !== 'jsonrpc' && key !== 'id' && key !== 'method' && key !== 'params') return false;
  }
  return params === undefined || (isRecord(params) && !('_meta' in params));
}

/** A tool call with a name and arguments, and nothing else. */
export function isPlainCall({ params }: JSONRPCRequest): boolean {
  if (!isRecord(params) || typeof params.name !== 'string') return false;
  for (const key in params) if (key !== 'name' && key !== 'arguments') return false;
  return params.arguments === undefined || isRecord(params.arguments);
}

/** The result of a tool as it is sent if it is text and nothing else; undefined if it is not. */
export function plainResult(result: unknown): Result | undefined {
  if (!isRecord(result) || !Array.isArray(result.content)) return undefined;
  for (const key in result) if (key !== 'content') return undefined;
  const content: { type: 'text'; text: string }[] = [];
  for (const part of result.content) {
    if (!isRecord(part) || part.type !== 'text' || typeof part.text !== 'string') return undefined;
    for (const key in part) if (key !== 'type' && key !== 'text') return undefined;
    content.push({ type: 'text', text: part.text });
  }
  return { content };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
