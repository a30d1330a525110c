import { getHeapStatistics } from 'node:v8';
import { HttpError } from './errors.ts';

export interface WorkLimitOptions {
  /** Calls of one client that may run at once, and as many bodies that may be read. */
  maxCallsPerClient: number;
  /** The largest body: one of that size is always taken from a client that has nothing else under way. */
  maxBodyBytes: number;
}

/** The part of the heap that bodies may take in all, and the part of that for one client. */
const partOfHeap = 1 / 8;
const partForClient = 1 / 4;

/** How many times the limits of one client may be under way in all. */
const clientsAtOnce = 100;

/** What is under way: bodies being read, calls that run, and the bytes that both hold. */
interface Load {
  bodies: number;
  calls: number;
  bytes: number;
}

export type WorkLimits = ReturnType<typeof createWorkLimits>;

/** Bounds what is under way, for each client and in all. */
export function createWorkLimits({ maxCallsPerClient, maxBodyBytes }: WorkLimitOptions) {
  const maxBytes = Math.max(getHeapStatistics().heap_size_limit * partOfHeap, 2 * maxBodyBytes);
  const ofClient: Load = {
    bodies: maxCallsPerClient,
    calls: maxCallsPerClient,
    bytes: Math.max(maxBytes * partForClient, maxBodyBytes),
  };
  const inAll: Load = {
    bodies: maxCallsPerClient * clientsAtOnce,
    calls: maxCallsPerClient * clientsAtOnce,
    bytes: maxBytes,
  };
  const loads = new Map<string, Load>();
  const total: Load = { bodies: 0, calls: 0, bytes: 0 };

  return {
    /** Begins to read a body. @throws {HttpError} `too_many_requests`, `server_busy` */
    begin(client: string): Work {
      const load = loads.get(client) ?? { bodies: 0, calls: 0, bytes: 0 };
      if (load.bodies >= ofClient.bodies) throw new HttpError('too_many_calls', { limit: ofClient.bodies });
      if (total.bodies >= inAll.bodies) throw new HttpError('server_busy');
      load.bodies++;
      total.bodies++;
      loads.set(client, load);
      return new Work(load, ofClient, total, inAll, client, loads);
    },

    /** Clients with anything under way. */
    get clients() {
      return loads.size;
    },
  };
}

/** One request, from its first byte until its reply is sent and its handler settled. */
export class Work {
  readonly #load: Load;
  readonly #mostOfClient: Load;
  readonly #total: Load;
  readonly #mostInAll: Load;
  readonly #client: string;
  readonly #loads: Map<string, Load>;
  #bytes = 0;
  /** What it counts as: one body, or so many calls. */
  #phase: 'bodies' | 'calls' | undefined = 'bodies';
  #count = 1;

  constructor(
    load: Load,
    mostOfClient: Load,
    total: Load,
    mostInAll: Load,
    client: string,
    loads: Map<string, Load>,
  ) {
    this.#load = load;
    this.#mostOfClient = mostOfClient;
    this.#total = total;
    this.#mostInAll = mostInAll;
    this.#client = client;
    this.#loads = loads;
  }

  /**
   * Counts bytes that are held until its end. A client's only message always passes: how large it may be is bounded
   * elsewhere.
   *
   * @throws {HttpError} `too_many_requests`, `server_busy`
   */
  hold(bytes: number): void {
    const ofClient = this.#load.bytes;
    const inAll = this.#total.bytes;
    if (ofClient + bytes > this.#mostOfClient.bytes && ofClient > this.#bytes) {
      throw new HttpError('too_many_bytes');
    }
    if (inAll + bytes > this.#mostInAll.bytes && inAll > this.#bytes) throw new HttpError('server_busy');
    this.#bytes += bytes;
    this.#load.bytes = ofClient + bytes;
    this.#total.bytes = inAll + bytes;
  }

  /** The body is read, and calls begin. @throws {HttpError} `too_many_requests`, `server_busy` */
  run(calls = 1): void {
    if (this.#load.calls + calls > this.#mostOfClient.calls) {
      throw new HttpError('too_many_calls', { limit: this.#mostOfClient.calls });
    }
    if (this.#total.calls + calls > this.#mostInAll.calls) throw new HttpError('server_busy');
    this.#load.calls += calls;
    this.#total.calls += calls;
    this.#load.bodies--;
    this.#total.bodies--;
    this.#phase = 'calls';
    this.#count = calls;
  }

  /** Ends once a handler has settled: one that still runs takes room, whether anybody waits for its result or not. */
  endAfter(handler: Promise<unknown> | undefined): void {
    if (handler === undefined) this.end();
    else handler.catch(() => {}).then(() => this.end());
  }

  /** Has no effect the second time. */
  end(): void {
    if (this.#phase === undefined) return;
    this.#load[this.#phase] -= this.#count;
    this.#total[this.#phase] -= this.#count;
    this.#load.bytes -= this.#bytes;
    this.#total.bytes -= this.#bytes;
    this.#phase = undefined;
    if (this.#load.bodies === 0 && this.#load.calls === 0) this.#loads.delete(this.#client);
  }
}
