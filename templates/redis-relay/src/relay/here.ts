import type { JSONRPCMessage, McpServer } from '@modelcontextprotocol/server';
import type { Caller } from '../auth/caller.ts';
import { HttpError } from '../http/errors.ts';
import type { Work, WorkLimits } from '../http/work-limits.ts';
import { errorReply, isRequest } from '../sessions/json-rpc.ts';
import type { Sessions } from '../sessions/sessions.ts';
import type { SseEndpoints } from '../sse/sse-endpoints.ts';
import type { ForwardedMessage } from './channel.ts';
import { MovableSession } from './movable-session.ts';

export interface HereOptions {
  sessions: Sessions;
  sse: SseEndpoints;
  workLimits: WorkLimits;
  createMcpServer: (caller: Caller | undefined) => McpServer;
  /** Whether this process stops, so that sessions should go on elsewhere. */
  isClosing: () => boolean;
  /** Whether they do. */
  leavesToOthers: () => boolean;
}

export type Here = ReturnType<typeof createHere>;

/** What this process does for others. */
export function createHere(options: HereOptions) {
  const { sessions, sse, workLimits, createMcpServer, isClosing, leavesToOthers } = options;

  /** The session with this id, if it is one over HTTP+SSE. */
  function find(sessionId: string): MovableSession | undefined {
    const session = sessions.get(sessionId);
    return session instanceof MovableSession ? session : undefined;
  }

  /**
   * Takes a message that another process checked and forwarded; only this one knows whose session it is.
   *
   * @returns false if this caller has no such session here
   * @throws {HttpError} if there is no room for it at the moment
   */
  function receive({ sessionId, caller, json }: ForwardedMessage): boolean {
    // A message for a session that is about to end is refused, as it would be if it came here directly.
    if (isClosing() && !leavesToOthers()) return false;
    const session = find(sessionId);
    if (!session?.belongsTo(caller)) return false;
    const message: JSONRPCMessage = JSON.parse(json);
    let work: Work | undefined;
    try {
      work = workLimits.begin(session.client);
      work.hold(json.length);
      if (isRequest(message)) work.run();
      session.receive(message, caller, work);
    } catch (error) {
      work?.end();
      if (!(error instanceof HttpError)) throw error;
      // The other process has accepted it for this one, so that it is too much can only be said on the stream.
      if (isRequest(message)) session.send(errorReply(message.id, error.message, -32000)).catch(() => {}); // The client left.
    }
    return true;
  }

  return {
    receive,
    find,
    answer: sse.answer,
    resume: sse.resume,
    openSession: sse.openSession,
    requireRoomFor: sessions.requireRoomFor,
    createMcpServer,
    isClosing,
  };
}
