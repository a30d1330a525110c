import type { JSONRPCMessage, RequestId } from '@modelcontextprotocol/server';
import type { ToldMessage } from '../relay/relay.ts';

/** What a session goes on with whose client began at another process. */
export interface Continued {
  /** What its client told there, in order. */
  told: ToldMessage[];
  /** Calls that ended with the other process. */
  lostCalls: RequestId[];
  /** Hands a message to the session at the other process: its last calls may still run. */
  toFormer(message: JSONRPCMessage): void;
}

const toldIdPrefix = 'told-';

/** What a client told, as it would say it again; its replies are for nobody. */
export function asMessages(told: ToldMessage[]): JSONRPCMessage[] {
  return told.map(({ method, params }, index) => {
    const message = { jsonrpc: '2.0' as const, method, ...(params && { params }) };
    return method.startsWith('notifications/') ? message : { ...message, id: toldIdPrefix + index };
  });
}

export function isToldAgain(id: unknown): boolean {
  return typeof id === 'string' && id.startsWith(toldIdPrefix);
}

/**
 * The client of a session that continues another answers both at one URL, and both count their requests from 0. So
 * the newer one puts its own name before its ids.
 */
export function withOwnId(message: JSONRPCMessage, sessionId: string): JSONRPCMessage {
  if (!('method' in message)) return message;
  const own = (id: unknown) => `${sessionId}:${JSON.stringify(id)}`;
  if ('id' in message) return { ...message, id: own(message.id) };
  if (message.method !== 'notifications/cancelled') return message;
  return { ...message, params: { ...message.params, requestId: own(message.params?.requestId) } };
}

/** The answer to a request of this session, with the id that it knows; undefined if it is the answer to another's. */
export function answerTo(sessionId: string, message: JSONRPCMessage): JSONRPCMessage | undefined {
  const id = 'id' in message ? String(message.id) : '';
  if (!id.startsWith(`${sessionId}:`)) return undefined;
  try {
    return { ...message, id: JSON.parse(id.slice(sessionId.length + 1)) } as JSONRPCMessage;
  } catch {
    return undefined;
  }
}
