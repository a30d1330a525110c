import type {
  JSONRPCRequest,
  McpServer,
  RequestId,
  Result,
  ServerContext,
} from '@modelcontextprotocol/server';

export type Handler = (request: JSONRPCRequest, ctx: ServerContext) => Promise<Result>;

/** The handlers that run, by the id of their request. */
export type RunningHandlers = ReadonlyMap<RequestId, Promise<unknown>>;

type Running = Map<RequestId, Promise<unknown>>;

const byMcpServer = new WeakMap<McpServer, Running>();
const none: RunningHandlers = new Map();

/** The handlers of an MCP server that run. A handler may go on long after its call was cancelled or its client left. */
export function handlersOf(mcpServer: McpServer): RunningHandlers {
  return byMcpServer.get(mcpServer) ?? none;
}

/** Resolves once the handlers of these requests have settled; undefined if none runs. */
export function settled(handlers: RunningHandlers, ids: Iterable<RequestId>): Promise<unknown> | undefined {
  const running = [...ids].flatMap((id) => handlers.get(id) ?? []);
  return running.length > 0 ? Promise.allSettled(running) : undefined;
}

/** Has `handlersOf` know what runs from now on. @returns what each run is noted in */
export function followHandlers(mcpServer: McpServer): Running {
  const running: Running = new Map();
  byMcpServer.set(mcpServer, running);
  return running;
}

/** Runs a handler. */
export function follow(
  running: Running,
  handler: Handler,
  request: JSONRPCRequest,
  ctx: ServerContext,
): Promise<Result> {
  const { id } = ctx.mcpReq;
  const result = handler(request, ctx);
  const earlier = running.get(id);
  // A client may use an id again while the first handler runs.
  const both = earlier ? Promise.allSettled([earlier, result]) : result;
  running.set(id, both);
  const forget = () => {
    if (running.get(id) === both) running.delete(id);
  };
  both.then(forget, forget);
  return result;
}
