import { randomBytes } from 'node:crypto';
import { tracingChannel } from 'node:diagnostics_channel';
import { hrtime } from 'node:process';
import {
  isSpecType,
  type JSONRPCRequest,
  type McpServer,
  ProtocolError,
  ProtocolErrorCode,
  type RegisteredTool,
  type RequestId,
  type Result,
  type ServerContext,
} from '@modelcontextprotocol/server';
import { requireFittingArguments } from './large-arguments.ts';
import { errorText, type Log } from './log.ts';
import type { Metrics } from './metrics.ts';
import { follow, followHandlers, type Handler } from './running-handlers.ts';
import { unwritable } from './writable.ts';

/**
 * An error whose message is meant for the client: throw it in a tool, a resource or a prompt. Of any other error the
 * client learns only a reference, and the log has the error under that reference.
 */
export class ToolError extends Error {
  override name = 'ToolError';
}

export type Outcome = 'ok' | 'error' | 'cancelled' | 'timeout';

/** A call as the tracing channel `mcp.tool` publishes it. */
export interface ToolCall {
  /** As the client named it. */
  readonly tool: string;
  /** Whether there is such a tool. Clients may send any name, so count and group by those that are. */
  readonly isTool: boolean;
  /** The caller's id, if the server asks for credentials. */
  readonly caller: string | undefined;
  readonly sessionId: string | undefined;
  readonly requestId: RequestId;
  /** What the client sent with the call, such as its `traceparent`. */
  readonly meta: Record<string, unknown> | undefined;
  /** Nanoseconds of the monotonic clock, as `hrtime.bigint()` gives them. */
  readonly startedAt: bigint;
  /** Set when the call ends. */
  outcome?: Outcome;
  /** What the tool threw, if it did. */
  error?: unknown;
}

export interface ToolCallOptions {
  /** Whether clients see the message of every error. */
  exposeErrors: 'on' | 'off';
  /** Seconds that a call may take; 0 is no limit. */
  timeoutSeconds: number;
  log: Log;
  metrics: Metrics;
}

/** What went wrong, and what the client is told of it. */
interface Failure {
  error?: unknown;
  message: string;
  reference?: string;
}

/** What is known of one MCP server. */
interface Watched {
  readonly caller: string | undefined;
  readonly tools: Record<string, RegisteredTool>;
  readonly running: ReturnType<typeof followHandlers>;
  /** The tool calls that have no outcome yet, each with the signal that tells whether it is cancelled. */
  readonly calls: Map<ToolCall, AbortSignal | undefined>;
  /** What tools threw, until their calls end; undefined if none has. */
  failures: Map<RequestId, Failure> | undefined;
}

/** What clients are told has failed, and what a request has to look like, by method. */
const kinds: Record<string, { subject: string; isValid: (request: unknown) => boolean }> = {
  'resources/read': { subject: 'resource', isValid: isSpecType.ReadResourceRequest },
  'prompts/get': { subject: 'prompt', isValid: isSpecType.GetPromptRequest },
  'completion/complete': { subject: 'completion', isValid: isSpecType.CompleteRequest },
};

const otherKind = { subject: 'request', isValid: () => true };

/** Methods that run none of your code. */
const sdkMethods = new Set(['initialize', 'ping', 'server/discover', 'logging/setLevel']);

const channel = tracingChannel<ToolCall, ToolCall>('mcp.tool');

/** Watches what the MCP servers do: counts and logs tool calls, limits their time, keeps internals from clients. */
export function createToolCalls({ exposeErrors, timeoutSeconds, log, metrics }: ToolCallOptions) {
  /** Tools that were listed. Clients may call any name, and metrics must not grow with each. */
  const listed = new Set<string>();
  const run = timeoutSeconds > 0 ? withTimeLimit(timeoutSeconds) : follow;

  /**
   * The SDK has no public place through which every call passes, and answers with the message of what a tool threw, so the
   * error itself is found only inside of it. Names in brackets are its private parts: a version without them does not
   * compile.
   */
  function watch(mcpServer: McpServer, caller?: string): McpServer {
    const { server } = mcpServer;
    const handlers: Map<string, Handler> = server['_requestHandlers'];
    const watched: Watched = {
      caller,
      tools: mcpServer['_registeredTools'],
      running: followHandlers(mcpServer),
      calls: new Map(),
      failures: undefined,
    };

    // Makes one promise less than the SDK's own function, which pays for the one that `answerCall` makes.
    mcpServer['executeToolHandler'] = (tool: RegisteredTool, args: unknown, ctx: ServerContext) => {
      const fail = (error: unknown): never => {
        if (ctx.mcpReq.signal.aborted || isUrlElicitation(error)) throw error;
        const failure = failureOf('tool', error);
        watched.failures ??= new Map();
        watched.failures.set(ctx.mcpReq.id, failure);
        throw new Error(failure.message);
      };
      return tool.executor(args, ctx).then((result) => result ?? fail(noResult(result)), fail);
    };
    const validateToolInput: (...given: unknown[]) => Promise<unknown> = mcpServer['validateToolInput'];
    mcpServer['validateToolInput'] = (tool: RegisteredTool, args: unknown, name: string) => {
      // Only arguments with arrays or objects in them can be large.
      for (const value of Object.values(args ?? {})) {
        if (typeof value !== 'object') continue;
        requireFittingArguments(mcpServer, tool, args, name);
        break;
      }
      return validateToolInput.call(mcpServer, tool, args, name);
    };
    const { resolveScopeChallenge } = mcpServer;
    mcpServer.resolveScopeChallenge = (context) => {
      const challenge = resolveScopeChallenge(context);
      if (challenge === undefined || context.request.method !== 'tools/call') return challenge;
      return Promise.resolve(challenge).then((refusal) => {
        const failure = { message: `insufficient_scope: this needs ${refusal?.scopes.join(' ')}` };
        if (refusal) finish(watched, begin(watched, context.request), 'error', failure);
        return refusal;
      });
    };
    // The handler of a cancelled call may never settle. A listener for each call's signal would cost more than all else here.
    const noteCancelled = () => {
      for (const [call, signal] of watched.calls) if (signal?.aborted) finish(watched, call, 'cancelled');
    };
    const cancel = server['_oncancel'];
    server['_oncancel'] = (notification: unknown) => {
      const cancelled = cancel.call(server, notification);
      noteCancelled();
      return cancelled;
    };
    const close = server['_onclose'];
    server['_onclose'] = () => {
      try {
        close.call(server);
      } finally {
        noteCancelled();
      }
    };
    // There are as many of these as sessions times methods, so they hold no more than they must.
    for (const [method, handler] of handlers) {
      if (sdkMethods.has(method)) continue;
      const answer = method === 'tools/call' ? answerCall : answerRequest;
      handlers.set(method, answer.bind(undefined, watched, handler));
    }
    return mcpServer;
  }

  function answerCall(
    watched: Watched,
    handler: Handler,
    request: JSONRPCRequest,
    ctx: ServerContext,
  ): Promise<Result> {
    const call = begin(watched, request, ctx);
    const answer = () =>
      run(watched.running, handler, request, ctx).then(
        (result) => {
          if (result.isError) {
            finish(watched, call, 'error', failureIn(result, watched, call));
            return result;
          }
          const problem = unwritable(result);
          const failure = problem === undefined ? undefined : failureOf('tool', problem);
          finish(watched, call, failure ? 'error' : 'ok', failure);
          if (failure) throw new Error(failure.message);
          return result;
        },
        (error) => {
          const isTimeUp = error instanceof TimeUp;
          // This is the SDK's own: what a tool throws was caught above.
          const isRefusal = error instanceof ProtocolError;
          const failure = isRefusal ? { message: `refused with ${error.code}` } : failureOf('tool', error);
          finish(watched, call, isTimeUp ? 'timeout' : 'error', failure);
          if (isTimeUp) return { isError: true, content: [{ type: 'text', text: error.message }] };
          throw isRefusal ? error : new Error(failure.message);
        },
      );
    // `channel.hasSubscribers` looks at two more, and older versions of Node.js do not have it.
    const { start, asyncEnd, error } = channel;
    const isFollowed = start.hasSubscribers || asyncEnd.hasSubscribers || error.hasSubscribers;
    return isFollowed ? channel.tracePromise(answer, call) : answer();
  }

  function begin(watched: Watched, { id, params }: JSONRPCRequest, ctx?: ServerContext): ToolCall {
    const { tools, caller, calls } = watched;
    const tool = String(params?.name);
    const isTool = Object.hasOwn(tools, tool) || listed.has(tool);
    const { sessionId } = ctx ?? {};
    const meta = ctx?.mcpReq._meta;
    const call: ToolCall = {
      tool,
      isTool,
      caller,
      sessionId,
      requestId: id,
      meta,
      startedAt: hrtime.bigint(),
    };
    calls.set(call, ctx?.mcpReq.signal);
    return call;
  }

  /** Why a result is an error: what the log may say of it, which is nothing that the client or the tool said. */
  function failureIn(result: Result, { failures }: Watched, { requestId }: ToolCall): Failure {
    const failure = failures?.get(requestId);
    failures?.delete(requestId);
    if (failure) return failure;
    const [{ text = '' } = {}] = (result.content ?? []) as { text?: string }[];
    if (text.startsWith('Input validation error: '))
      return { message: 'the arguments do not fit its schema' };
    return { message: text.startsWith('Output validation error: ') ? text : 'the tool returned an error' };
  }

  /** Has no effect the second time: a call may end after it was cancelled. */
  function finish({ calls }: Watched, call: ToolCall, outcome: Outcome, failure?: Failure): void {
    if (!calls.delete(call)) return;
    const { caller } = call;
    const tool = call.isTool ? call.tool : 'unknown'; // Clients may send any name.
    const seconds = Number(hrtime.bigint() - call.startedAt) / 1e9;
    const ms = Math.round(seconds * 1000);
    call.outcome = outcome;
    metrics.toolCallFinished(tool, outcome, seconds);
    if (outcome === 'ok' || outcome === 'cancelled') {
      log.debug({ tool, caller, ms, outcome }, 'tool call');
    } else {
      call.error = failure?.error;
      log.warn({ tool, caller, ms, outcome, ...facts(failure) }, 'tool call failed');
    }
  }

  /** The same for whatever else may run your code: resources, prompts, completions, lists, methods of your own. */
  function answerRequest(
    { running, caller }: Watched,
    handler: Handler,
    request: JSONRPCRequest,
    ctx: ServerContext,
  ): Promise<Result> {
    const { method, params } = request;
    const { subject, isValid } = kinds[method] ?? otherKind;
    const fail = (error: unknown): never => {
      // What the SDK finds wrong with a request is for the client, and no defect of this server.
      const isRefusal = error instanceof ProtocolError || !isValid(request);
      if (isRefusal || ctx.mcpReq.signal.aborted) throw error;
      const failure = failureOf(subject, error);
      const prompt = method === 'prompts/get' ? params?.name : undefined;
      log.warn({ method, prompt, caller, ...facts(failure) }, `${subject} failed`);
      throw new Error(failure.message);
    };
    return follow(running, handler, request, ctx).then((result) => {
      if (method === 'tools/list') {
        for (const { name } of (result?.tools ?? []) as { name: string }[]) listed.add(name);
      }
      const error = result ? unwritable(result) : noResult(result);
      return error === undefined ? result : fail(error);
    }, fail);
  }

  function failureOf(subject: string, error: unknown): Failure {
    if (error instanceof ToolError) return { error, message: error.message };
    if (exposeErrors === 'on') return { error, message: errorText(error) };
    const reference = randomBytes(4).toString('hex');
    return { error, reference, message: `The ${subject} failed (reference ${reference})` };
  }

  return { watch };
}

class TimeUp extends ToolError {}

/** Ends a call that takes too long. The tool learns it by its signal; what it returns after that is ignored. */
function withTimeLimit(seconds: number): typeof follow {
  return async (running, handler, request, ctx) => {
    const limit = new AbortController();
    const signal = AbortSignal.any([ctx.mcpReq.signal, limit.signal]);
    let timer: NodeJS.Timeout | undefined;
    const timeUp = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        const error = new TimeUp(`The tool gave no result within ${seconds} s`);
        reject(error);
        limit.abort(error);
      }, seconds * 1000);
    });
    const limited = { ...ctx, mcpReq: { ...ctx.mcpReq, signal } };
    try {
      return await Promise.race([follow(running, handler, request, limited), timeUp]);
    } finally {
      clearTimeout(timer);
    }
  };
}

/** The facts of a failure for the log: the error itself, or what is known in its place. */
function facts(failure: Failure | undefined): Record<string, unknown> {
  if (failure === undefined) return {};
  const { error, message, reference } = failure;
  return 'error' in failure ? { reference, err: error } : { reason: message };
}

function noResult(value: null | undefined): Error {
  return new TypeError(`the handler returned ${value}, not a result`);
}

/** By this error a tool sends the client to a web page: it is part of the protocol. */
function isUrlElicitation(error: unknown): boolean {
  return error instanceof ProtocolError && error.code === ProtocolErrorCode.UrlElicitationRequired;
}
