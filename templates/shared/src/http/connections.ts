import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Log } from '../monitoring/log.ts';
import type { Metrics } from '../monitoring/metrics.ts';
import { Tally } from '../monitoring/tally.ts';
import { networkOf } from './client-address.ts';

export interface ConnectionOptions {
  /** Connections in all. */
  maxConnections: number;
  /** Connections from one address; Infinity where a proxy makes them all. */
  maxConnectionsPerAddress: number;
  log: Log;
  metrics: Metrics;
}

/** Requests that may wait on one connection for the ones before them. No client in use sends more than one at a time. */
const maxPipelined = 100;

/** Milliseconds between two log lines about connections that were refused or given up. */
const noteInterval = 10_000;

/** One open connection. */
interface Connection {
  /** The TCP socket. On TLS it comes before the handshake, and is not the one that requests come on. */
  readonly socket: Socket;
  /** Its client's address, or the network that counts as one. */
  readonly address: string;
  /** The responses that are not over, in the order of their requests. */
  readonly unfinished: ServerResponse[];
  /** Whether an event stream has it: whatever else comes on it can never be answered. */
  carriesStream: boolean;
}

/** The open connections: how many there may be, and what is being answered on each of them. */
export function createConnections(options: ConnectionOptions) {
  const { maxConnections, maxConnectionsPerAddress, log, metrics } = options;
  /** The one whose last request is longest ago comes first. */
  const open = new Set<Connection>();
  const bySocket = new WeakMap<Socket, Connection>();
  /** Connections whose TLS handshake is not over, by the client's end. */
  const handshaking = new Map<string, Connection>();
  const perAddress = new Tally();
  let unfinished = 0;
  let onIdle: (() => void) | undefined;
  let nextNoteAt = 0;

  /** Takes a new connection, or refuses it; one that is idle makes room for it. */
  function add(socket: Socket): void {
    const address = networkOf(socket.remoteAddress ?? '');
    if (!makeRoom(address)) {
      socket.destroy();
      return;
    }
    const connection: Connection = { socket, address, unfinished: [], carriesStream: false };
    open.add(connection);
    bySocket.set(socket, connection);
    perAddress.add(address);
    socket.once('close', () => remove(connection));
  }

  /** The same for one that begins with a TLS handshake. */
  function addTls(socket: Socket): void {
    add(socket);
    const connection = bySocket.get(socket);
    const end = endOf(socket);
    if (connection === undefined) return;
    handshaking.set(end, connection);
    socket.once('close', () => handshaking.delete(end));
  }

  /** The handshake is over: requests come on another socket. */
  function onSecure(socket: Socket): void {
    const end = endOf(socket);
    const connection = handshaking.get(end);
    handshaking.delete(end);
    if (connection) bySocket.set(socket, connection);
    else socket.destroy();
  }

  function remove(connection: Connection): void {
    open.delete(connection);
    perAddress.remove(connection.address);
    // Its responses say that they are closed too, after this.
    finished(connection.unfinished.splice(0).length);
  }

  function makeRoom(address: string): boolean {
    const isFull = open.size >= maxConnections;
    if (!isFull && (perAddress.get(address) ?? 0) < maxConnectionsPerAddress) return true;
    const idle = findIdle(isFull ? undefined : address);
    idle?.socket.destroy();
    note(isFull ? 'MAX_CONNECTIONS' : 'MAX_CONNECTIONS_PER_ADDRESS', idle ? 'given_up' : 'refused', address);
    return idle !== undefined;
  }

  /** The connection, of an address or of all, that has been idle for longest. */
  function findIdle(address: string | undefined): Connection | undefined {
    for (const connection of open) {
      const isBusy = connection.unfinished.length > 0 || connection.carriesStream;
      if (isBusy || connection.socket.destroyed) continue;
      if (address === undefined || connection.address === address) return connection;
    }
    return undefined;
  }

  function note(limit: string, outcome: 'refused' | 'given_up', address: string): void {
    metrics.connectionClosed(outcome);
    const now = performance.now();
    if (now < nextNoteAt) return;
    nextNoteAt = now + noteInterval;
    log.warn({ limit, outcome, address, open: open.size }, 'too many connections');
  }

  function finished(count: number): void {
    unfinished -= count;
    if (unfinished === 0) onIdle?.();
  }

  // One function for all responses: there are too many for each to have its own.
  function onResponseClosed(this: ServerResponse): void {
    if (bySocket.get(this.req.socket)?.unfinished.shift()) finished(1);
  }

  return {
    add,
    addTls,
    onSecure,

    get size() {
      return open.size;
    },

    /** Notes a request that came. @returns false if it can never be answered */
    begin({ socket }: IncomingMessage, response: ServerResponse): boolean {
      const connection = bySocket.get(socket);
      if (!connection || connection.carriesStream || connection.unfinished.length > maxPipelined)
        return false;
      if (!open.delete(connection)) return false; // It closed while the request was read.
      open.add(connection);
      connection.unfinished.push(response);
      unfinished++;
      response.on('close', onResponseClosed);
      return true;
    },

    /** Whether a refusal on this bare connection would be read as one. */
    canRefuse(socket: Socket): boolean {
      const connection = bySocket.get(socket);
      if (connection === undefined) return false; // Its TLS handshake never ended.
      const [first] = connection.unfinished;
      // It would be taken for the response to an earlier request, or land in the middle of one.
      return first === undefined || !(first.headersSent || first.req.complete);
    },

    /** Whether other requests, before or after it, share the connection of this one. */
    isShared: ({ socket }: IncomingMessage) => (bySocket.get(socket)?.unfinished.length ?? 0) > 1,

    /** Gives the connection of this request to its event stream. */
    reserveForStream({ socket }: IncomingMessage): void {
      const connection = bySocket.get(socket);
      if (connection) connection.carriesStream = true;
    },

    /** Resolves once every response is over, or after `ms` milliseconds. */
    async idle(ms: number): Promise<void> {
      if (unfinished === 0) return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        onIdle = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    },
  };
}

/** The client's end of a connection, which its two sockets have in common on TLS. */
function endOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
