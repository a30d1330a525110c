import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, type McpServer } from '@modelcontextprotocol/server';
import type { Log } from '../monitoring/log.js';
import type { StreamableHttp } from './sse-server.js';

/**
 * MCP's newer transport, for clients that no longer speak SSE: the SDK's own handler behind the checks,
 * credentials and limits of this server. Each request gets an MCP server of its own; nothing is kept between.
 * https://modelcontextprotocol.io/specification/2025-06-18/basic/transports#streamable-http
 */
export function createStreamableHttp(endpoint: string, createMcpServer: () => McpServer, log: Log): StreamableHttp {
  const onerror = (error: Error) => log.warn({ err: error }, 'Streamable HTTP error');
  const handler = createMcpHandler(createMcpServer, { onerror });
  const answer = toNodeHandler(handler, { onerror });

  return {
    endpoint,
    handle({ request, response, headers }, json, caller) {
      for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
      return answer(Object.assign(request, caller && { auth: caller.authInfo }), response, json);
    },
    close: () => handler.close(),
  };
}
