import type { Log } from '../monitoring/log.ts';
import { type Channel, nodeOf } from './channel.ts';
import { createKeeper, type Memory, noMemory } from './keeper.ts';
import type { ForwardedMessage, Here, Relay } from './relay.ts';
import { createStreamsElsewhere } from './streams-elsewhere.ts';

export interface ForwardingOptions {
  channel: Channel;
  /** Where what clients told outlives the process. Defaults to none. */
  memory?: Memory;
  log: Log;
}

/** Brings messages to the process that their session's id names, and streams and their sessions together. */
export function createForwarding({ channel, memory = noMemory, log }: ForwardingOptions): Relay {
  const { nodeId } = channel;
  const { keeper, release, rewrite } = createKeeper(memory);
  const streams = createStreamsElsewhere({ channel, memory, keeper, release, log });
  let here: Here;

  async function forward(message: ForwardedMessage): Promise<boolean> {
    const node = nodeOf(message.sessionId);
    if (node === '') return false;
    if (node !== nodeId && (await channel.forward(node, message))) return true;
    if (message.kind !== undefined) return false;
    // Its process stopped, or is gone, and its client has not heard yet where its session went.
    const movedTo = await memory.movedTo(message.sessionId, message.caller?.id);
    if (movedTo === undefined) return false;
    const moved = { ...message, sessionId: movedTo };
    return nodeOf(movedTo) === nodeId ? here.receive(moved) : channel.forward(nodeOf(movedTo), moved);
  }

  return {
    nodeId,
    get problem() {
      return channel.problem;
    },
    keeper,
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
    async answer(question, client, sessionId) {
      const json = JSON.stringify({ client, sessionId });
      return channel.forward(nodeOf(question), {
        kind: 'answer',
        sessionId: question,
        caller: undefined,
        json,
      });
    },
    find: streams.find,
    follow: streams.follow,
    letGo: streams.letGo,
    async close() {
      await streams.flushed();
      await memory.flushed();
      channel.close();
    },
  };
}
