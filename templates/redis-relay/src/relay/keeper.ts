import type { JSONRPCMessage, RequestId } from '@modelcontextprotocol/server';

/** Something that a client told its session, and would not tell again. */
export interface ToldMessage {
  method: string;
  params?: Record<string, unknown> | undefined;
}

/** A session, as far as other processes need to know it. */
export interface KeptSession {
  readonly sessionId: string;
  /** The id of the caller who opened it. */
  readonly opener: string | undefined;
  /** Whether another process serves its client. */
  readonly hasMoved: boolean;
  /** Since when it waits for its client to reconnect; undefined while it has a stream. */
  readonly waitingSince: number | undefined;
  /** The client's requests whose replies it has not got. */
  readonly unanswered: RequestId[];
}

/** Keeps what other processes need to take sessions over. */
export interface SessionKeeper {
  noteReceived(session: KeptSession, message: JSONRPCMessage): void;
  /** A reply was sent, or has arrived. */
  noteSent(session: KeptSession): void;
  /** Call it while the session still knows its running calls. */
  noteEnded(session: KeptSession, reason: string): void;
}

/** What is kept of one session; null where nothing is. */
export interface Kept {
  sessionId: string;
  /** The id of the caller who opened it. */
  opener: string | undefined;
  told?: ToldMessage[] | null;
  /** Requests of the client whose replies it has not got. */
  calls?: RequestId[] | null;
}

/** Where what clients told is kept for the time after their process: what another relay than Redis has to implement. */
export interface Memory {
  /** Begins to keep. `rewrite` is called when what was kept may be lost. */
  open(rewrite: () => void): void;

  /** Changes what is kept; never waited for. */
  keep(changes: Kept[]): void;

  /**
   * Takes what is kept of a session, once: who asks later is told which session goes on for it.
   *
   * @param newId the session that goes on
   */
  take(
    sessionId: string,
    opener: string | undefined,
    newId: string,
  ): Promise<{ told: ToldMessage[]; calls: RequestId[] } | { movedTo: string } | undefined>;

  /** The session that goes on for another. */
  movedTo(sessionId: string, opener: string | undefined): Promise<string | undefined>;

  /** For each process what tells it from the next one with the same id, or undefined if it is gone; undefined if unknown. */
  lives(nodeIds: string[]): Promise<(string | undefined)[] | undefined>;

  /** Resolves when what was kept last has arrived. */
  flushed(): Promise<void>;
}

/** Keeps nothing: a session ends with its process. */
export const noMemory: Memory = {
  open() {},
  keep() {},
  take: async () => undefined,
  movedTo: async () => undefined,
  lives: async () => undefined,
  flushed: async () => {},
};

/** Bytes that may be kept of what one client told. */
const maxTold = 8192;

interface Entry {
  readonly session: KeptSession;
  told: ToldMessage[];
  isToldNew: boolean;
  /** The calls that are kept, as JSON. */
  calls: string;
  /** Whether another process takes the session over, which must not believe its calls lost. */
  isReleased: boolean;
}

/**
 * Notes what clients tell their sessions, and which calls run. It is written once in each turn of the event loop, so a
 * call that ends in the turn in which it came is never written.
 */
export function createKeeper(memory: Memory) {
  const entries = new Map<string, Entry>();
  const changed = new Set<Entry>();

  function note(entry: Entry): void {
    if (changed.size === 0) setImmediate(write);
    changed.add(entry);
  }

  function write(): void {
    const kept = [...changed]
      .map(changesOf)
      .filter((one) => one.told !== undefined || one.calls !== undefined);
    changed.clear();
    if (kept.length > 0) memory.keep(kept);
  }

  function changesOf(entry: Entry): Kept {
    const { sessionId, opener, unanswered } = entry.session;
    const kept: Kept = { sessionId, opener };
    if (entry.isToldNew) kept.told = JSON.stringify(entry.told).length <= maxTold ? entry.told : [];
    entry.isToldNew = false;
    const calls = entry.isReleased ? [] : unanswered;
    const json = JSON.stringify(calls);
    if (json !== entry.calls) kept.calls = calls.length > 0 ? calls : null;
    entry.calls = json;
    return kept;
  }

  function entryOf(session: KeptSession): Entry {
    let entry = entries.get(session.sessionId);
    if (entry === undefined) {
      entry = { session, told: [], isToldNew: true, calls: '[]', isReleased: false };
      entries.set(session.sessionId, entry);
    }
    return entry;
  }

  const keeper: SessionKeeper = {
    noteReceived(session, message) {
      if (!('method' in message)) return;
      const entry = entryOf(session);
      const told = withMessage(entry.told, message);
      entry.isToldNew ||= told !== entry.told;
      entry.told = told;
      note(entry);
    },
    noteSent(session) {
      const entry = entries.get(session.sessionId);
      if (entry) note(entry);
    },
    noteEnded(session, reason) {
      const entry = entries.get(session.sessionId);
      if (entry === undefined) return;
      entries.delete(session.sessionId);
      changed.delete(entry);
      const { sessionId, opener, hasMoved, waitingSince } = session;
      // Its client can take up at another process what it had here, and is told there which calls were lost.
      const isLeft = reason === 'shutdown' && waitingSince !== undefined;
      if (isLeft) memory.keep([changesOf(entry)]);
      else if (reason === 'shutdown' || hasMoved) memory.keep([{ sessionId, opener, calls: null }]);
      else memory.keep([{ sessionId, opener, told: null, calls: null }]);
    },
  };

  return {
    keeper,

    /** Forgets the calls of a session that another process takes over: they are not lost. */
    release(session: KeptSession): void {
      const entry = entries.get(session.sessionId);
      if (entry === undefined) return;
      entry.isReleased = true;
      changed.add(entry);
      write();
    },

    /** Writes all again. */
    rewrite(): void {
      for (const entry of entries.values()) {
        if (entry.session.hasMoved) continue;
        entry.isToldNew = true;
        entry.calls = '[]';
        note(entry);
      }
    },
  };
}

/** What a client told, with one more message; the same array if that tells nothing that lasts. Never with its `_meta`. */
function withMessage(
  told: ToldMessage[],
  message: Extract<JSONRPCMessage, { method: string }>,
): ToldMessage[] {
  const { method } = message;
  const { _meta, ...params }: Record<string, unknown> = message.params ?? {};
  const without = (fits: (one: ToldMessage) => boolean) => told.filter((one) => !fits(one));
  switch (method) {
    case 'initialize':
      return [{ method, params }, { method: 'notifications/initialized' }];
    case 'logging/setLevel':
      return [...without((one) => one.method === method), { method, params }];
    case 'resources/subscribe':
      return [...without(isSubscriptionTo(params.uri)), { method, params }];
    case 'resources/unsubscribe':
      return without(isSubscriptionTo(params.uri));
    default:
      return told;
  }
}

function isSubscriptionTo(uri: unknown) {
  return ({ method, params }: ToldMessage) => method === 'resources/subscribe' && params?.uri === uri;
}
