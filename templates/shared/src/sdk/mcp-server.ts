import {
  type Implementation,
  type McpServerOptions,
  type Result,
  McpServer as SdkMcpServer,
  Server as SdkServer,
  type Transport,
} from '@modelcontextprotocol/server';
import type { Handler } from '../monitoring/running-handlers.ts';
import { isPlainCall, isPlainRequest, plainResult } from './plain-messages.ts';

/**
 * The SDK's MCP server, for which a plain message and a plain tool call need no schema. The SDK parses each message three
 * times to learn of what kind it is, two of which always fail for a call, then each call twice, and its result once: a third
 * of what a call costs. Whatever is not plain goes the SDK's way, which also says what is wrong with it.
 *
 * To do without it, import `McpServer` from the SDK in mcp-server.ts. Names in brackets are private parts of the SDK: a
 * version without them does not compile.
 */
export class McpServer extends SdkMcpServer {
  override readonly server: SdkServer;

  constructor(info: Implementation, options: McpServerOptions = {}) {
    super(info, { ...options, capabilities: {} }); // It makes a server too, which is dropped.
    this.server = new Server(info, options);
    const { tools, resources, prompts } = options.capabilities ?? {};
    if (tools) this['setToolRequestHandlers']();
    if (resources) this['setResourceRequestHandlers']();
    if (prompts) this['setPromptRequestHandlers']();
  }
}

class Server extends SdkServer {
  override async connect(transport: Transport): Promise<void> {
    await super.connect(transport);
    const { onmessage } = transport;
    transport.onmessage = (message, extra) => {
      if (isPlainRequest(message)) this['_onrequest'](message, extra);
      else onmessage?.(message, extra);
    };
  }

  protected override _wrapHandler(method: string, handler: Handler): Handler {
    const wrapped = super._wrapHandler(method, handler);
    if (method !== 'tools/call') return wrapped;
    return async (request, ctx) => {
      const { envelope, requestState } = ctx.mcpReq;
      const isOfNewClient = envelope !== undefined || requestState() !== undefined; // of 2026-07-28
      if (isOfNewClient || !isPlainCall(request)) return wrapped(request, ctx);
      const result = await handler(request, ctx);
      return plainResult(result) ?? super._wrapHandler(method, startingWith(result, handler))(request, ctx);
    };
  }
}

/** A handler whose first result is known. The SDK asks for another when the first one needs input of the client. */
function startingWith(result: Result, handler: Handler): Handler {
  let isFirst = true;
  return async (request, ctx) => {
    if (!isFirst) return handler(request, ctx);
    isFirst = false;
    return result;
  };
}
