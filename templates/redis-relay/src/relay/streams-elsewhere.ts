import type { JSONRPCMessage } from '@modelcontextprotocol/server';
import type { Log } from '../monitoring/log.ts';
import { errorReply } from '../sessions/json-rpc.ts';
import { logId } from '../sessions/sessions.ts';
import { sizeInBytes } from '../settings/kinds.ts';
import { largestRelayed } from '../settings/largest-relayed.ts';
import { type Channel, type ForwardedMessage, nodeOf } from './channel.ts';
import type { Former } from './continued-session.ts';
import type { Here } from './here.ts';
import type { KeptSession, Memory } from './keeper.ts';
import type { MovableSession } from './movable-session.ts';
import type { Wanted } from './relay.ts';
import { type RemoteEvent, RemoteStream } from './remote-stream.ts';

export interface StreamsElsewhereOptions {
  channel: Channel;
  memory: Memory;
  /** Called before another process takes a session over. */
  release: (session: KeptSession) => void;
  /** Finds another session for a stream whose own is gone with its process; without one, the stream ends. */
  takeOverOrEnd: (wanted: Wanted) => Promise<void>;
  log: Log;
}

/** Where a session was found that is not in this process. */
export type Found =
  /** Its process sends its events over the stream now. */
  | { is: 'attached' }
  /** Its client has another session by now. */
  | { is: 'moved'; sessionId: string }
  /** Its process stops, or is gone: a session can go on here with this. */
  | { is: 'kept'; former: Former };

/** What goes with a stream that another process holds. */
interface Attachment {
  /** Names the stream, and the session that goes on with it if this one cannot. */
  streamId: string;
  lastEvent: number | undefined;
  /** Whether a session of that name goes on there, and gets what this one sends from now on. */
  isMoved: boolean;
}

/** A stream of this process whose session is at another. */
interface Held extends Wanted {
  /** Tells the session's process from the next one with the same id; undefined until it is known. */
  life: string | undefined;
}

/** How often a process is asked that takes too long to answer. */
const attempts = 3;

/** Milliseconds between two looks whether the processes are alive whose sessions' streams are here. */
const lookInterval = 1000;

/** Milliseconds between two looks at the sessions that have moved. */
const moveInterval = 250;

/** Milliseconds that the last events may take to reach other processes when this one stops. */
const longestFlush = 1000;

/** Bytes that can be handed to another process at once. */
const maxBytes = sizeInBytes(largestRelayed) as number;

/**
 * Sessions whose streams are at another process. The one that holds the stream asks the one that has the session for
 * it. From then on the session sends its events there, until one of the two ends.
 */
export function createStreamsElsewhere(options: StreamsElsewhereOptions) {
  const { channel, memory, release, takeOverOrEnd, log } = options;
  /** Streams of this process, by the id that the other process knows them by. */
  const held = new Map<string, Held>();
  /** Streams of other processes over which sessions of this one send. */
  const remote = new Map<string, RemoteStream>();
  /** The place of the last event that came for a stream, or for a session that goes on: none is taken twice. */
  const lastTaken = new WeakMap<object, number>();
  /** Sessions that go on elsewhere, and still deliver here what their last calls send. */
  const leaving = new Set<MovableSession>();
  /** Resolves when sessions elsewhere have been told of each stream that is over. */
  let lastTold: Promise<unknown> = Promise.resolve();
  let here: Here;

  /** At the process that has the stream: finds the session. */
  async function find(wanted: Wanted, newId: string): Promise<Found | undefined> {
    const { sessionId, caller, stream } = wanted;
    const node = nodeOf(sessionId);
    if (node === '') return undefined;
    if (node !== channel.nodeId) {
      hold(wanted, newId);
      const isAttached = await askFor(wanted, newId, false);
      if (isAttached) {
        look();
        return { is: 'attached' };
      }
      held.delete(newId);
      delete stream.onclose;
      if (isAttached === undefined) return undefined;
    }
    const kept = await memory.take(sessionId, caller?.id, newId);
    if (kept === undefined) return undefined;
    if ('movedTo' in kept) return { is: 'moved', sessionId: kept.movedTo };
    log.info(
      { session: logId({ sessionId: newId }), from: node, lostCalls: kept.calls.length },
      'session moved',
    );
    const former: Former = {
      told: kept.told,
      lostCalls: kept.calls,
      send(message) {
        if (node === channel.nodeId) return;
        const json = JSON.stringify(message);
        channel.forward(node, { kind: 'former', sessionId, caller, json }).catch(() => {}); // It is gone.
      },
    };
    return { is: 'kept', former };
  }

  /** Has the last messages of a session at another process sent to the one that goes on here. */
  async function follow(wanted: Wanted, newId: string): Promise<void> {
    if (nodeOf(wanted.sessionId) === channel.nodeId) return;
    await askFor(wanted, newId, true);
  }

  /** @returns whether the session's process has it, or undefined if that cannot be known */
  async function askFor(
    { sessionId, caller, stream, lastEvent }: Wanted,
    streamId: string,
    isMoved: boolean,
  ): Promise<boolean | undefined> {
    const json = JSON.stringify({ streamId, lastEvent, isMoved } satisfies Attachment);
    for (let attempt = 1; attempt <= attempts && !stream.isOver; attempt++) {
      try {
        return await channel.forward(nodeOf(sessionId), { kind: 'attach', sessionId, caller, json });
      } catch {
        if (channel.problem !== undefined) return undefined;
      }
    }
    return undefined;
  }

  function hold(wanted: Wanted, streamId: string): void {
    const { sessionId, caller, stream } = wanted;
    held.set(streamId, { ...wanted, life: undefined });
    stream.onclose = (failure = 'client_gone') => {
      if (!held.delete(streamId)) return;
      const json = JSON.stringify({ streamId, failure });
      // If this fails, the session learns it by the next event that it sends.
      const told = channel.forward(nodeOf(sessionId), { kind: 'closed', sessionId, caller, json });
      lastTold = Promise.allSettled([lastTold, told]).then(() => {});
    };
  }

  /** Has other sessions found for streams whose own are gone with their process. */
  async function look(): Promise<void> {
    const nodes = [...new Set([...held.values()].map(({ sessionId }) => nodeOf(sessionId)))];
    if (nodes.length === 0) return;
    const lives = await memory.lives(nodes);
    if (lives === undefined) return;
    for (const [streamId, one] of held) {
      const life = lives[nodes.indexOf(nodeOf(one.sessionId))];
      if (life === undefined ? one.life !== undefined : life !== (one.life ?? life)) {
        held.delete(streamId);
        takeOverOrEnd({ ...one, lastEvent: undefined });
      }
      one.life ??= life;
    }
  }

  function endDelivered(): void {
    for (const session of leaving) {
      session.endIfDelivered();
      if (session.closeReason !== undefined) leaving.delete(session);
    }
  }

  /** At the process that has the session: gives it the stream. */
  function attach({ sessionId, caller, json }: ForwardedMessage): boolean {
    const { streamId, lastEvent, isMoved }: Attachment = JSON.parse(json);
    const session = here.find(sessionId);
    if (!session?.belongsTo(caller) || session.closeReason !== undefined) return false;
    if (!isMoved && (session.hasMoved || here.isClosing())) {
      release(session);
      return false;
    }
    const stream = new RemoteStream((events) => deliver(streamId, events));
    remote.set(streamId, stream);
    if (isMoved) {
      session.moveTo(stream, caller, lastEvent);
      leaving.add(session);
    } else session.resume(stream, caller, lastEvent);
    return true;
  }

  async function deliver(streamId: string, events: RemoteEvent[]): Promise<boolean> {
    const json = toCarry(events);
    const message = { kind: 'events' as const, sessionId: streamId, caller: undefined, json };
    const isTaken = await channel.forward(nodeOf(streamId), message);
    if (!isTaken || events.at(-1)?.event === 'end') remote.delete(streamId);
    return isTaken;
  }

  /** At the process that has the stream, or the session that goes on. */
  function takeEvents({ sessionId: streamId, json }: ForwardedMessage): boolean {
    const holder = held.get(streamId);
    const session = here.find(streamId);
    const target = holder ?? session;
    if (target === undefined || session?.closeReason !== undefined) return false;
    const stream = holder?.stream;
    if (stream?.isOver) return false;
    for (const { place, event, data, id } of JSON.parse(json) as RemoteEvent[]) {
      if (place <= (lastTaken.get(target) ?? 0)) continue;
      lastTaken.set(target, place);
      if (event === 'end') {
        if (held.delete(streamId)) stream?.end();
      } else if (event === 'comment') stream?.comment(data);
      else if (stream) stream.send(event, data, id);
      else if (event === 'message') session?.send(JSON.parse(data)).catch(() => {}); // It is over meanwhile.
    }
    return true;
  }

  /** At the process that has the session. */
  function noteClosed({ json }: ForwardedMessage): boolean {
    const { streamId, failure } = JSON.parse(json);
    const stream = remote.get(streamId);
    remote.delete(streamId);
    stream?.close(failure);
    return stream !== undefined;
  }

  return {
    open(given: Here) {
      here = given;
      setInterval(look, lookInterval).unref();
      setInterval(endDelivered, moveInterval).unref();
    },
    find,
    follow,
    attach,
    takeEvents,
    noteClosed,

    letGo(): void {
      for (const [, { stream }] of held) {
        const { onclose } = stream;
        stream.end();
        onclose?.('client_gone'); // Its session waits from now on, not only when the response is over.
      }
    },

    /** Resolves when what was sent last has arrived, or cannot. */
    async flushed(): Promise<void> {
      const all = Promise.all([lastTold, ...[...remote.values()].map((stream) => stream.flushed())]);
      await Promise.race([all, new Promise((resolve) => setTimeout(resolve, longestFlush))]);
    },
  };
}

/** Events as they can be carried: the caller of what is too large gets an error instead. */
function toCarry(events: RemoteEvent[]): string {
  const json = JSON.stringify(events);
  if (Buffer.byteLength(json) <= maxBytes) return json;
  const smaller = events.map((event) => {
    const message: JSONRPCMessage = JSON.parse(event.data);
    if ('method' in message || message.id === undefined)
      return { ...event, event: 'comment', data: 'too large' };
    const tooLarge = 'The result is too large for a client whose stream is at another process';
    return { ...event, data: JSON.stringify(errorReply(message.id, tooLarge)) };
  });
  return JSON.stringify(smaller);
}
