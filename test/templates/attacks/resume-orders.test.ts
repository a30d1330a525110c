import fc from 'fast-check';
import { expect, test } from 'vitest';
import { call, callTool, eventually, openStream, post, type Stream } from '../support/client.js';
import { startHere } from '../support/embedded.js';
import { importFrom } from '../support/projects.js';

// Clients of two callers whose streams are cut and taken over in any order, in the process of the test. Whatever the
// order, each gets what is its own, and the server is as it was before.

const callers = ['alice', 'bob'];
const headersOf = (caller: string) => ({ 'X-Caller': caller });
const provider = {
  authenticate: async ({ headers }: { headers: Record<string, string> }) => ({
    data: { sub: headers['x-caller'] },
  }),
};

/** Sessions and calls that one caller may have: at the end as many as at the beginning. */
const most = 12;
const settings = {
  RESUME_SECONDS: '30',
  KEEP_ALIVE_SECONDS: '0',
  RATE_LIMIT: '0',
  MAX_SESSIONS_PER_CLIENT: String(most),
  MAX_CALLS_PER_CLIENT: String(most),
};

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
}

interface Event {
  id: string;
  session: string;
  number: number;
  message: { id?: string; method?: string; params?: { progressToken: string } };
}

/** The whole events of a stream, `endpoint` aside. */
function eventsOf({ stream, read = stream.text() }: Seen): Event[] {
  const found = read.matchAll(/^id: (\S+):(\d+)\nevent: message\ndata: (.*)\n\n/gm);
  return [...found].map(([, session = '', number = '', data = '']) => ({
    id: `${session}:${number}`,
    session,
    number: Number(number),
    message: JSON.parse(data),
  }));
}

const sessionIn = (url: string) => url.split('sessionId=')[1] as string;

/** What a run does: which of the clients, calls or callers is meant is taken modulo how many there are. */
const action = fc.record({
  what: fc.constantFrom(
    ...['open', 'open', 'initialize', 'call', 'call', 'call', 'reply', 'reply', 'reply'],
    ...['cut', 'cut', 'name an event', 'name an event', 'answer', 'answer', 'leave unanswered'],
    ...['end', 'name the event of another', 'answer for another'],
  ),
  which: fc.nat(7),
  isNoticed: fc.boolean(),
});

test('whatever is cut, taken over, initialised and ended in whatever order, everybody gets what is theirs', {
  timeout: 120_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { minLength: 10, maxLength: 40 }), async (actions) => {
      const run = await startRun();
      for (const each of actions) await run.do(each);
      await run.finish();
    }),
    { numRuns: Number(process.env.RESUME_RUNS ?? 40), endOnFailure: true },
  );
});

async function startRun() {
  const { createMcpServer } = await importFrom('custom', 'mcp-server.js');
  /** What ends the calls that run. */
  const running = new Map<string, () => void>();
  const server = await startHere(settings, {
    provider,
    createMcpServer(caller: unknown) {
      const mcpServer = createMcpServer({ app: {}, caller });
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
  });
  const clients: Client[] = [];
  let ids = 0;

  const sessionOf = ({ url }: Client) => server.sessions.get(sessionIn(url));
  const lastOf = ({ seen }: Client) => seen.at(-1) as Seen;

  async function open(caller: string): Promise<void> {
    const stream = await openStream(server, { headers: headersOf(caller) });
    const seen: Seen[] = [{ stream, by: 'first', named: '', hadSpoken: false }];
    clients.push({ caller, url: stream.endpoint, seen, calls: new Set(), sent: 0 });
  }

  /** The client goes on over another stream, in its session if that is still there. */
  function goOn(client: Client, url: string, seen: Omit<Seen, 'hadSpoken'>): void {
    if (url !== client.url) {
      // Only its end is a reason for another one.
      expect(sessionOf(client)).toBeUndefined();
      client.calls.clear();
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

  async function nameEvent(client: Client): Promise<void> {
    stopReading(client);
    const own = client.seen.flatMap(eventsOf).filter(({ session }) => session === sessionIn(client.url));
    const named = own.at(-1)?.id;
    if (named === undefined) return answer(client);
    const headers = { ...headersOf(client.caller), 'Last-Event-ID': named };
    const stream = await openStream(server, { headers });
    goOn(client, stream.endpoint, { stream, by: 'event', named });
  }

  async function ask(caller: string) {
    const headers = { ...headersOf(caller), 'MCP-Protocol-Version': '2025-06-18' };
    const stream = await openStream(server, { headers });
    const question = JSON.parse(stream.endpoint);
    expect(question.method).toBe('ping');
    return { stream, reply: { jsonrpc: '2.0', id: question.id, result: {} } };
  }

  async function answer(client: Client): Promise<void> {
    stopReading(client);
    const { stream, reply } = await ask(client.caller);
    const { status } = await post(server, client.url, reply, headersOf(client.caller));
    expect(status).toBe(202);
    const { data } = await stream.next(({ event }) => event === 'endpoint');
    goOn(client, data, { stream, by: 'answer', named: '' });
  }

  /** What another caller tries, which changes nothing. */
  async function tryAsAnother(client: Client, how: 'event' | 'answer'): Promise<void> {
    const thief = callers.find((caller) => caller !== client.caller) as string;
    const session = sessionIn(client.url);
    if (how === 'event') {
      const headers = { ...headersOf(thief), 'Last-Event-ID': `${session}:0` };
      const stream = await openStream(server, { headers });
      expect(sessionIn(stream.endpoint)).not.toBe(session);
      stream.close();
    } else {
      const { stream, reply } = await ask(client.caller);
      expect((await post(server, client.url, reply, headersOf(thief))).status).toBe(404);
      stream.close();
    }
  }

  return {
    async do({ what, which, isNoticed }: { what: string; which: number; isNoticed: boolean }): Promise<void> {
      if (what === 'open') {
        if (clients.length < 8) await open(callers[which % callers.length] as string);
        return;
      }
      if (what === 'reply') {
        const token = [...running.keys()][which % Math.max(1, running.size)];
        if (token === undefined) return;
        running.get(token)?.();
        running.delete(token);
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
          await post(server, client.url, call(`initialize ${++ids}`, 'initialize', params), headers);
          break;
        }
        case 'call': {
          if (client.calls.size >= most / 4) break;
          client.sent++;
          const token = `call ${++ids}`;
          const { status } = await post(server, client.url, callTool(token, 'later'), headers);
          if (status === 202) client.calls.add(token);
          else expect(sessionOf(client)).toBeUndefined();
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
          await nameEvent(client);
          break;
        case 'answer':
          await answer(client);
          break;
        case 'leave unanswered':
          (await ask(client.caller)).stream.close();
          break;
        case 'end':
          await sessionOf(client)?.close('server_closed');
          client.calls.clear();
          break;
        case 'name the event of another':
          await tryAsAnother(client, 'event');
          break;
        case 'answer for another':
          await tryAsAnother(client, 'answer');
          break;
      }
    },

    async finish(): Promise<void> {
      for (const [i, client] of clients.entries()) await (i % 2 === 0 ? nameEvent(client) : answer(client));
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
      for (const caller of callers) server.endSessionsOf(caller);
      expect(server.sessions.size).toBe(0);
      expect(server.sessions.waiting).toBe(0);
      expect(server.sessions.storage.bytes).toBe(0);
      for (const caller of callers) await requireAllRoom(caller);
      await server.close();
    },
  };

  /** The caller may have as many sessions, calls and questions as ever: nothing of the earlier ones still counts. */
  async function requireAllRoom(caller: string): Promise<void> {
    const headers = headersOf(caller);
    const streams = await Promise.all(Array.from({ length: most }, () => openStream(server, { headers })));
    for (const [i, stream] of streams.entries()) {
      expect((await stream.post(callTool(`at the end ${caller} ${i}`, 'later'))).status).toBe(202);
    }
    server.endSessionsOf(caller);
    const asked = await Promise.all(streams.map(() => ask(caller)));
    for (const { stream } of [...streams.map((stream) => ({ stream })), ...asked]) stream.close();
  }
}

interface LaterContext {
  mcpReq: { id: unknown; signal: AbortSignal; notify(message: object): Promise<void> };
}

function requireOwnEvents(clients: Client[]): void {
  const ownerOf = new Map<string, Client>();
  for (const client of clients) {
    const before = new Map<string, Seen>();
    for (const seen of client.seen) {
      const [session, number = '0'] = seen.named.split(':');
      const events = eventsOf(seen);
      for (const [i, event] of events.entries()) {
        // None to two clients, and none twice on one stream.
        expect(ownerOf.get(event.id) ?? client).toBe(client);
        ownerOf.set(event.id, client);
        if (i > 0) expect(event.number).toBeGreaterThan((events[i - 1] as Event).number);
        // None again to a client that said it has it.
        if (session === event.session) expect(event.number).toBeGreaterThan(Number(number));
        // One that names no event may get a reply again, and nothing else.
        if (before.has(event.id)) {
          expect(seen.by).toBe('answer');
          expect(event.message.method).toBeUndefined();
          // Nor that to `initialize`, once it has shown that it has it.
          if (seen.hadSpoken && event.number === 1) expect(event.message.id).not.toMatch(/^initialize/);
        }
      }
      for (const { id } of events) before.set(id, seen);
    }
  }
}
