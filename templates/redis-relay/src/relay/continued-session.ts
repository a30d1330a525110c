import type {
  JSONRPCMessage,
  McpServer,
  MessageExtraInfo,
  RequestId,
  Transport,
} from '@modelcontextprotocol/server';
import { errorReply } from '../sessions/json-rpc.ts';
import type { SessionKeeper, ToldMessage } from './keeper.ts';
import type { MovableSession } from './movable-session.ts';

/** What a session goes on with whose client began at another process. */
export interface Former {
  /** What its client told there, in order. */
  told: ToldMessage[];
  /** Calls that ended with the other process. */
  lostCalls: RequestId[];
  /** Hands a message to the session at the other process: its last calls may still run. */
  send(message: JSONRPCMessage): void;
}

/** Has an MCP server be told, once it is connected to its session, what the client told its former one. @returns it */
export function withFormer(mcpServer: McpServer, former: Former, keeper: SessionKeeper): McpServer {
  const connect = mcpServer.connect.bind(mcpServer);
  mcpServer.connect = async (session: MovableSession) => {
    const transport = new ContinuedSession(session, former);
    await connect(transport);
    for (const message of asMessages(former.told)) {
      keeper.noteReceived(session, message);
      transport.onmessage?.(message);
    }
    for (const id of former.lostCalls) {
      session.send(errorReply(id, 'The process that ran the call ended', -32000)).catch(() => {}); // The client left.
    }
  };
  return mcpServer;
}

const toldIdPrefix = 'told-';

/** What a client told, as it would say it again; the replies are for nobody. */
function asMessages(told: ToldMessage[]): JSONRPCMessage[] {
  return told.map(({ method, params }, index) => {
    const message = { jsonrpc: '2.0' as const, method, ...(params && { params }) };
    return method.startsWith('notifications/') ? message : { ...message, id: toldIdPrefix + index };
  });
}

/**
 * Stands between a session and its MCP server. The client answers two MCP servers at one URL, this one and that of the
 * former session, and both count their requests from 0: so this one puts the session's name before its ids.
 */
class ContinuedSession implements Transport {
  // Set by the SDK when an MCP server connects.
  onmessage?: Transport['onmessage'];
  onclose?: (() => void) | undefined;
  onerror?: ((error: Error) => void) | undefined;

  readonly sessionId: string;
  readonly #session: MovableSession;
  readonly #former: Former;

  constructor(session: MovableSession, former: Former) {
    this.sessionId = session.sessionId;
    this.#session = session;
    this.#former = former;
  }

  async start(): Promise<void> {
    this.#session.onmessage = (message, extra) => this.#receive(message, extra);
    // The registry of sessions hears of its end too, as when the SDK connects to it directly.
    const { onclose } = this.#session;
    this.#session.onclose = () => {
      onclose?.();
      this.onclose?.();
    };
    this.#session.onerror = (error) => this.onerror?.(error);
    await this.#session.start();
  }

  async send(message: JSONRPCMessage): Promise<void> {
    if ('method' in message) return this.#session.send(this.#withOwnId(message));
    if (String(message.id).startsWith(toldIdPrefix)) return;
    await this.#session.send(message);
  }

  async close(): Promise<void> {
    await this.#session.close();
  }

  setProtocolVersion(version: string): void {
    this.#session.setProtocolVersion(version);
  }

  #receive(message: JSONRPCMessage, extra?: MessageExtraInfo): void {
    if (!('method' in message)) {
      const answer = this.#ownAnswer(message);
      if (answer) this.onmessage?.(answer, extra);
      else this.#former.send(message);
      return;
    }
    const isOfBoth =
      message.method === 'notifications/cancelled' || message.method === 'notifications/progress';
    if (isOfBoth) this.#former.send(message);
    this.onmessage?.(message, extra);
  }

  #withOwnId(message: Extract<JSONRPCMessage, { method: string }>): JSONRPCMessage {
    const own = (id: unknown) => `${this.sessionId}:${JSON.stringify(id)}`;
    if ('id' in message) return { ...message, id: own(message.id) };
    if (message.method !== 'notifications/cancelled') return message;
    return { ...message, params: { ...message.params, requestId: own(message.params?.requestId) } };
  }

  /** The answer to a request of this session, with the id that it knows; undefined if it is the answer to another's. */
  #ownAnswer(message: JSONRPCMessage): JSONRPCMessage | undefined {
    const id = 'id' in message ? String(message.id) : '';
    if (!id.startsWith(`${this.sessionId}:`)) return undefined;
    try {
      return { ...message, id: JSON.parse(id.slice(this.sessionId.length + 1)) } as JSONRPCMessage;
    } catch {
      return undefined;
    }
  }
}
