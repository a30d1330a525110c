import type { JSONRPCMessage, JSONRPCRequest, McpServer } from '@modelcontextprotocol/server';
import { internalError, isRequest } from '../sessions/json-rpc.ts';
import type { SseSession } from './sse-session.ts';

/**
 * Makes tools that need scopes refuse a caller who lacks them (`scopeChallenge` in a tool's definition). Over Streamable
 * HTTP the SDK answers 403. A POST over SSE has its 202 already, and some clients give up a session on any other
 * status, so the reply is an error like any other. Call it once an MCP server is connected to the session.
 */
export function requireScopes(mcpServer: McpServer, session: SseSession): void {
  const deliver = session.onmessage;

  session.onmessage = (message, extra) => {
    if (!isRequest(message)) return deliver?.(message, extra);
    const challenge = mcpServer.resolveScopeChallenge({ ...extra, request: message });
    if (challenge === undefined) return deliver?.(message, extra);
    return void answer(message, async () => {
      const scopes = (await challenge)?.scopes;
      if (scopes === undefined) deliver?.(message, extra);
      else await session.send(insufficientScope(message, scopes));
    });
  };

  async function answer(request: JSONRPCRequest, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      session.onerror?.(error as Error);
      if (session.closeReason === undefined) await session.send(internalError(request)).catch(() => {}); // It left.
    }
  }
}

/** The error has RFC 6750's name; the closest code that JSON-RPC has is that of an invalid request. */
function insufficientScope({ id }: JSONRPCRequest, scopes: readonly string[]): JSONRPCMessage {
  const scope = scopes.join(' ');
  return {
    jsonrpc: '2.0',
    id,
    error: {
      code: -32600,
      message: `insufficient_scope: this needs ${scope}`,
      data: { error: 'insufficient_scope', scope },
    },
  };
}
