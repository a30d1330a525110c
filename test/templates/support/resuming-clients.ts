import fc from 'fast-check';
import { expect } from 'vitest';
import { call, callTool, eventually, openStream, post, type Stream, send } from './client.js';

// Clients of two callers whose streams are cut and taken over in any order, at one process or several, all in the
// process of the test. Whatever the order, each gets what is its own, and the servers are as they were before.

export const callers = ['alice', 'bob'];

const headersOf = (caller: string) => ({ 'X-Caller': caller });

/** Believes what a request says of itself. */
export const provider = {
  authenticate: async ({ headers }: { headers: Record<string, string> }) => ({
    data: { sub: headers['x-caller'] },
  }),
};

/**
 * Sessions and calls that one caller may have at a process: at the end as many as at the beginning. There is always room
 * for another session, since one that waits would end for it.
 */
const mostSessions = 24;
const mostCalls = 12;

/** Clients in all, and calls of each. */
const mostClients = 8;
const mostCallsEach = 3;

export const settings = {
  RESUME_SECONDS: '30',
  KEEP_ALIVE_SECONDS: '0',
  RATE_LIMIT: '0',
  MAX_SESSIONS_PER_CLIENT: String(mostSessions),
  MAX_CALLS_PER_CLIENT: String(mostCalls),
};

interface Session {
  readonly waitingSince: number | undefined;
  readonly hasMoved: boolean;
  close(reason: string): Promise<void>;
}

/** A generated server in the process of the test. */
export interface Server {
  port: number;
  sessions: {
    readonly size: number;
    readonly waiting: number;
    readonly storage: { readonly bytes: number };
    get(id: string): Session | undefined;
  };
  endSessionsOf(caller: string): void;
}

/** Where sessions can be. */
export interface Processes {
  /** Those that take connections: any may get a request. */
  readonly live: Server[];
  /** One that was told to stop. */
  readonly stopping?: Server | undefined;
  /** Tells one to stop; another takes its place later, which may have its name. */
  stop?(which: number, hasSameName: boolean): void;
  /** Resolves when none stops any more. */
  settled?(): Promise<void>;
}

/** A stream as its client saw it begin. */
interface Seen {
  stream: Stream;
  by: 'first' | 'event' | 'answer';
  /** The event that the client said it has. */
  named: string;
  /** Whether the client had sent more than one message in its session before. */
  hadSpoken: boolean;
  /** What the client read of it; undefined as long as it reads. */
  read?: string;
}

interface Client {
  caller: string;
  url: string;
  seen: Seen[];
  /** Calls that were accepted in the session that it still has. */
  calls: Set<string>;
  /** How many messages it sent in that session. */
  sent: number;
  /** Whether that session was ended, for no fault of the client. */
  isEnded: boolean;
}

interface Event {
  id: string;
  session: string;
  number: number;
  message: { id?: string; method?: string; params?: { progressToken: string } };
}

/** The whole events of a stream, `endpoint` aside. */
function eventsOf({ stream, read = stream.text() }: Seen): Event[] {
  const found = read.matchAll(/^event: message\ndata: (.*)\nid: (\S+):(\d+)\n\n/gm);
  return [...found].map(([, data = '', session = '', number = '']) => ({
    id: `${session}:${number}`,
    session,
    number: Number(number),
    message: JSON.parse(data),
  }));
}

const sessionIn = (url: string) => url.split('sessionId=')[1] as string;

/** What a run does: which of the clients, calls, callers or processes is meant is taken modulo how many there are. */
const actionOf = (what: string[]) =>
  fc.record({
    what: fc.constantFrom(...what),
    which: fc.nat(7),
    /** The process that gets a stream, and the one that gets a message. */
    at: fc.nat(2),
    via: fc.nat(2),
    isNoticed: fc.boolean(),
  });
type Action = ReturnType<typeof actionOf> extends fc.Arbitrary<infer Each> ? Each : never;

const everywhere = [
  ...['open', 'open', 'initialize', 'call', 'call', 'call', 'reply', 'reply', 'reply'],
  ...['cut', 'cut', 'name an event', 'name an event', 'answer', 'answer', 'leave unanswered'],
  ...['end', 'name the event of another', 'answer for another'],
];

/** What happens, in any order. */
export const orders = (...more: string[]) =>
  fc.array(actionOf([...everywhere, ...more]), { minLength: 10, maxLength: 40 });

interface LaterContext {
  mcpReq: { id: unknown; signal: AbortSignal; notify(message: object): Promise<void> };
}

/** A tool whose calls end when the test says so. */
export function laterTool() {
  /** What ends the calls that run. */
  const running = new Map<string, () => void>();
  return {
    running,
    // biome-ignore lint/suspicious/noExplicitAny: the generated server's own MCP server
    register(mcpServer: any) {
      mcpServer.registerTool('later', {}, async ({ mcpReq }: LaterContext) => {
        const token = String(mcpReq.id);
        mcpReq.signal.addEventListener('abort', () => running.delete(token));
        // Some say nothing before their reply, which then may be the first event of all.
        const params = { progressToken: token, progress: 1 };
        if (/[05]$/.test(token)) await mcpReq.notify({ method: 'notifications/progress', params });
        await new Promise<void>((resolve) => running.set(token, resolve));
        return { content: [{ type: 'text', text: token }] };
      });
      return mcpServer;
    },
  };
}

export function startRun(processes: Processes, running: Map<string, () => void>) {
  const clients: Client[] = [];
  let ids = 0;

  const pick = (which: number) => processes.live[which % processes.live.length] as Server;
  const lastOf = ({ seen }: Client) => seen.at(-1) as Seen;

  /** The session that a client has, wherever that is; undefined if it is over, or goes on in another. */
  function sessionOf({ url }: Client): Session | undefined {
    const all = [...processes.live, ...(processes.stopping ? [processes.stopping] : [])];
    const found = all.map(({ sessions }) => sessions.get(sessionIn(url)));
    return found.find((session) => session !== undefined && !session.hasMoved);
  }

  /** Whether a client's session is where it can stay. */
  const isSettled = ({ url }: Client) =>
    processes.live.some(({ sessions }) => sessions.get(sessionIn(url)) !== undefined);

  async function open(caller: string, at: number): Promise<void> {
    const stream = await openStream(pick(at), { headers: headersOf(caller) });
    const seen: Seen[] = [{ stream, by: 'first', named: '', hadSpoken: false }];
    clients.push({ caller, url: stream.endpoint, seen, calls: new Set(), sent: 0, isEnded: false });
  }

  /** The client goes on over another stream, in its session if that is still there. */
  function goOn(client: Client, url: string, seen: Omit<Seen, 'hadSpoken'>): void {
    if (url !== client.url) {
      // Only its end is a reason for another one, or that its process stops.
      expect(isSettled(client)).toBe(false);
      if (client.isEnded) client.calls.clear();
      client.isEnded = false;
      client.sent = 0;
      client.url = url;
    }
    client.seen.push({ ...seen, hadSpoken: client.sent > 1 });
  }

  /** A client that connects again reads no more of the stream that it had, which may still look alive to the server. */
  function stopReading(client: Client): void {
    const { stream, ...seen } = lastOf(client);
    client.seen[client.seen.length - 1] = { ...seen, stream, read: stream.text() };
  }

  async function nameEvent(client: Client, at: number, via: number): Promise<void> {
    stopReading(client);
    const own = client.seen.flatMap(eventsOf).filter(({ session }) => session === sessionIn(client.url));
    // What came last may be a reply that came before already, and after which it has more.
    const named = own.sort((one, other) => one.number - other.number).at(-1)?.id;
    if (named === undefined) return answer(client, at, via);
    const headers = { ...headersOf(client.caller), 'Last-Event-ID': named };
    const stream = await openStream(pick(at), { headers });
    goOn(client, stream.endpoint, { stream, by: 'event', named });
  }

  async function ask(caller: string, server: Server) {
    const headers = { ...headersOf(caller), 'MCP-Protocol-Version': '2025-06-18' };
    const stream = await openStream(server, { headers });
    const question = JSON.parse(stream.endpoint);
    expect(question.method).toBe('ping');
    return { stream, reply: { jsonrpc: '2.0', id: question.id, result: {} } };
  }

  async function answer(client: Client, at: number, via: number): Promise<void> {
    stopReading(client);
    const { stream, reply } = await ask(client.caller, pick(at));
    const { status } = await post(pick(via), client.url, reply, headersOf(client.caller));
    expect(status).toBe(202);
    const { data } = await stream.next(({ event }) => event === 'endpoint');
    goOn(client, data, { stream, by: 'answer', named: '' });
  }

  /** What another caller tries, which changes nothing. */
  async function tryAsAnother(client: Client, how: 'event' | 'answer', at: number, via: number) {
    const thief = callers.find((caller) => caller !== client.caller) as string;
    const session = sessionIn(client.url);
    if (how === 'event') {
      const headers = { ...headersOf(thief), 'Last-Event-ID': `${session}:0` };
      const stream = await openStream(pick(at), { headers });
      expect(sessionIn(stream.endpoint)).not.toBe(session);
      stream.close();
    } else {
      const { stream, reply } = await ask(client.caller, pick(at));
      expect((await post(pick(via), client.url, reply, headersOf(thief))).status).toBe(404);
      stream.close();
    }
  }

  return {
    async do({ what, which, at, via, isNoticed }: Action): Promise<void> {
      if (what === 'open') {
        if (clients.length < mostClients) await open(callers[which % callers.length] as string, at);
        return;
      }
      if (what === 'reply') {
        const token = [...running.keys()][which % Math.max(1, running.size)];
        if (token === undefined) return;
        running.get(token)?.();
        running.delete(token);
        return;
      }
      if (what === 'stop') {
        processes.stop?.(which, isNoticed);
        return;
      }
      const client = clients[which % Math.max(1, clients.length)];
      if (client === undefined) return;
      const headers = headersOf(client.caller);
      switch (what) {
        case 'initialize': {
          const params = {
            protocolVersion: '2025-06-18',
            capabilities: {},
            clientInfo: { name: 'a', version: '1' },
          };
          client.sent++;
          await post(pick(via), client.url, call(`initialize ${++ids}`, 'initialize', params), headers);
          break;
        }
        case 'call': {
          if (client.calls.size >= mostCallsEach) break;
          client.sent++;
          const token = `call ${++ids}`;
          const { status } = await post(pick(via), client.url, callTool(token, 'later'), headers);
          if (status === 202) client.calls.add(token);
          else expect(isSettled(client)).toBe(false);
          break;
        }
        case 'cut':
          lastOf(client).stream.close();
          if (!isNoticed) break;
          await eventually(
            async () => sessionOf(client),
            (session) => session === undefined || session.waitingSince !== undefined,
          );
          break;
        case 'name an event':
          await nameEvent(client, at, via);
          break;
        case 'answer':
          await answer(client, at, via);
          break;
        case 'leave unanswered':
          (await ask(client.caller, pick(at))).stream.close();
          break;
        case 'end': {
          const session = sessionOf(client);
          if (session === undefined) break;
          client.isEnded = true;
          await session.close('server_closed');
          client.calls.clear();
          break;
        }
        case 'name the event of another':
          await tryAsAnother(client, 'event', at, via);
          break;
        case 'answer for another':
          await tryAsAnother(client, 'answer', at, via);
          break;
      }
    },

    async finish(): Promise<void> {
      for (const [i, client] of clients.entries()) {
        await (i % 2 === 0 ? nameEvent(client, i, i + 1) : answer(client, i, i + 1));
      }
      for (const reply of running.values()) reply();
      // Every call of a session that is still there has its reply.
      for (const client of clients) {
        const missing = async () => {
          const replied = new Set(client.seen.flatMap(eventsOf).map(({ message }) => message.id));
          return [...client.calls].filter((token) => !replied.has(token));
        };
        await eventually(missing, (tokens) => tokens.length === 0);
      }
      requireOwnEvents(clients);

      for (const { seen } of clients) for (const { stream } of seen) stream.close();
      await processes.settled?.();
      for (const server of processes.live) {
        for (const caller of callers) server.endSessionsOf(caller);
        expect(server.sessions.size).toBe(0);
        expect(server.sessions.waiting).toBe(0);
        expect(server.sessions.storage.bytes).toBe(0);
        for (const caller of callers) await requireAllRoom(caller, server);
      }
      running.clear();
    },
  };

  /** The caller may have as many sessions, calls and questions as ever: nothing of the earlier ones still counts. */
  async function requireAllRoom(caller: string, server: Server): Promise<void> {
    const headers = headersOf(caller);
    const streams = await Promise.all(
      Array.from({ length: mostSessions }, () => openStream(server, { headers })),
    );
    for (const [i, stream] of streams.slice(0, mostCalls).entries()) {
      expect((await stream.post(callTool(`at the end ${caller} ${i}`, 'later'))).status).toBe(202);
    }
    server.endSessionsOf(caller);
    const asked = await Promise.all(streams.map(() => ask(caller, server)));
    for (const { stream } of [...streams.map((stream) => ({ stream })), ...asked]) stream.close();
    await send(server, 'GET', '/health'); // By then it knows that they are closed.
  }
}

function requireOwnEvents(clients: Client[]): void {
  const ownerOf = new Map<string, Client>();
  for (const client of clients) {
    const before = new Map<string, Event>();
    for (const seen of client.seen) {
      const [session, number = '0'] = seen.named.split(':');
      const events = eventsOf(seen);
      /** Of what the client has, what it said it has. */
      const said = [...before.values()].filter(
        (one) => one.session === session && one.number <= Number(number),
      );
      for (const [i, event] of events.entries()) {
        // None to two clients, and none twice on one stream.
        for (const id of [event.id, event.message.id]) {
          if (id === undefined) continue;
          expect(ownerOf.get(id) ?? client).toBe(client);
          ownerOf.set(id, client);
        }
        const previous = events[i - 1];
        if (previous?.session === event.session) expect(event.number).toBeGreaterThan(previous.number);
        expect(events.findIndex(({ id }) => id === event.id)).toBe(i);
        // None again to a client that said it has it, whichever session goes on.
        if (session === event.session) expect(event.number).toBeGreaterThan(Number(number));
        if (event.message.id !== undefined) {
          expect(said.map(({ message }) => message.id)).not.toContain(event.message.id);
        }
        // One that names no event may get a reply again, and nothing else.
        if (before.has(event.id)) {
          expect(seen.by).toBe('answer');
          expect(event.message.method).toBeUndefined();
          // Nor that to `initialize`, once it has shown that it has it.
          if (seen.hadSpoken && event.number === 1) expect(event.message.id).not.toMatch(/^initialize/);
        }
      }
      for (const event of events) before.set(event.id, event);
    }
  }
}
