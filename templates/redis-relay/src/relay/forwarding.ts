import type { Log } from '../monitoring/log.ts';
import { metric } from '../monitoring/metrics.ts';
import type { SharedByAll } from '../sessions/session.ts';
import { randomId } from '../sessions/sessions.ts';
import type { SseSessionOptions } from '../sse/sse-session.ts';
import { type Channel, nodeOf } from './channel.ts';
import { withFormer } from './continued-session.ts';
import type { Here } from './here.ts';
import { createKeeper, type Memory, noMemory } from './keeper.ts';
import { MovableSession } from './movable-session.ts';
import type { ClientMessage, Relay, Wanted } from './relay.ts';
import { createStreamsElsewhere } from './streams-elsewhere.ts';

export interface ForwardingOptions {
  channel: Channel;
  /** Where what clients told outlives the process. Defaults to none. */
  memory?: Memory;
  log: Log;
}

/** The relay, and what the server needs besides to be one of several processes. */
export interface Forwarding extends Relay {
  /** Makes the id of a session or a question. It begins with the name of this process, where others find it. */
  newId(): string;

  createSession(options: SseSessionOptions, shared: SharedByAll): MovableSession;

  /** Begins to do for other processes what they ask. */
  listen(here: Here): void;

  /** Ends the streams that it holds for sessions of other processes: their clients come back elsewhere. */
  letGo(): void;

  /** Closes all connections, after what was sent last had a moment to leave. */
  close(): Promise<void>;
}

/** Brings messages to the process that their session's id names, and streams and their sessions together. */
export function createForwarding({ channel, memory = noMemory, log }: ForwardingOptions): Forwarding {
  const { nodeId } = channel;
  const { keeper, release, rewrite } = createKeeper(memory);
  const streams = createStreamsElsewhere({ channel, memory, release, takeOverOrEnd, log });
  let here: Here;
  let moved = 0;

  const newId = () => `${nodeId}.${randomId()}`;

  async function forward(message: ClientMessage): Promise<boolean> {
    const node = nodeOf(message.sessionId);
    if (node === '') return false;
    if (node !== nodeId && (await channel.forward(node, message))) return true;
    // Its process stopped, or is gone, and its client has not heard yet where its session went.
    const movedTo = await memory.movedTo(message.sessionId, message.caller?.id);
    if (movedTo === undefined) return false;
    const again = { ...message, sessionId: movedTo };
    return nodeOf(movedTo) === nodeId ? here.receive(again) : channel.forward(nodeOf(movedTo), again);
  }

  function answer(question: string, client: string, sessionId: string): boolean | Promise<boolean> {
    const node = nodeOf(question);
    if (node === nodeId) return here.answer(question, client, sessionId);
    const json = JSON.stringify({ client, sessionId });
    return channel.forward(node, { kind: 'answer', sessionId: question, caller: undefined, json });
  }

  /**
   * Lets a session go on over a stream that came here: one of this process; one of another process, which then sends its
   * events here; or one whose process stops or is gone, which is made again here from what its client told.
   *
   * @returns false if there is no such session of this caller
   */
  async function takeOver(wanted: Wanted): Promise<boolean> {
    const { sessionId, caller, client, stream, lastEvent } = wanted;
    const session = here.find(sessionId);
    if (session && !session.hasMoved) return here.resume(wanted);
    const streamId = newId();
    const found = await streams.find(wanted, streamId);
    if (found === undefined || stream.isOver) return false;
    if (found.is === 'attached') return true;
    if (found.is === 'moved')
      return takeOver({ ...wanted, sessionId: found.sessionId, lastEvent: undefined });
    here.requireRoomFor(client);
    const mcpServer = withFormer(here.createMcpServer(caller), found.former, keeper);
    // Its client answered a question, unless it named an event.
    const mayBeOldSdk = lastEvent === undefined;
    await here.openSession(mcpServer, { sessionId: streamId, caller, client, stream, mayBeOldSdk });
    moved++;
    await streams.follow(wanted, streamId);
    return true;
  }

  async function takeOverOrEnd(wanted: Wanted): Promise<void> {
    if (!(await takeOver(wanted))) wanted.stream.end(); // Its client comes back for a new session.
  }

  return {
    get problem() {
      return channel.problem;
    },
    metrics() {
      const help = 'Sessions of other processes that go on in this one.';
      const isUp = channel.problem ? 0 : 1;
      return [
        ...metric('counter', 'mcp_sessions_moved_total', help, moved),
        ...metric('gauge', 'mcp_relay_up', 'Whether messages reach sessions in other processes.', isUp),
        '',
      ].join('\n');
    },
    newId,
    createSession: (options, shared) =>
      new MovableSession(options, shared, shared.canWait ? keeper : undefined),
    listen(given) {
      here = given;
      streams.open(given);
      memory.open(rewrite);
      channel.listen((message) => {
        switch (message.kind) {
          case 'answer': {
            const { client, sessionId } = JSON.parse(message.json);
            return given.answer(message.sessionId, client, sessionId);
          }
          case 'attach':
            return streams.attach(message);
          case 'events':
            return streams.takeEvents(message);
          case 'closed':
            return streams.noteClosed(message);
          default:
            return given.receive(message);
        }
      });
    },
    forward,
    answer,
    takeOver,
    letGo: streams.letGo,
    async close() {
      await streams.flushed();
      await memory.flushed();
      channel.close();
    },
  };
}
