import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Requests that may wait on one connection for the ones before them. No client in use sends more than one at a time. */
const maxPipelined = 100;

/** One open connection. */
interface Connection {
  /** The responses that are not over, in the order of their requests. */
  unfinished: ServerResponse[];
  /** Whether an event stream has it: whatever else comes on it can never be answered. */
  carriesStream: boolean;
}

/** The open connections, and what is being answered on each of them. */
export function createConnections() {
  const open = new Map<Socket, Connection>();
  let unfinished = 0;
  let onIdle: (() => void) | undefined;

  function finished(count: number): void {
    unfinished -= count;
    if (unfinished === 0) onIdle?.();
  }

  // One function for all responses: there are too many for each to have its own.
  function onResponseClosed(this: ServerResponse): void {
    if (open.get(this.req.socket)?.unfinished.shift()) finished(1);
  }

  return {
    add(socket: Socket): void {
      const connection: Connection = { unfinished: [], carriesStream: false };
      open.set(socket, connection);
      socket.once('close', () => {
        open.delete(socket);
        finished(connection.unfinished.length);
      });
    },

    /** Notes a request that came. @returns false if it can never be answered */
    begin({ socket }: IncomingMessage, response: ServerResponse): boolean {
      const connection = open.get(socket);
      if (!connection || connection.carriesStream || connection.unfinished.length > maxPipelined)
        return false;
      connection.unfinished.push(response);
      unfinished++;
      response.on('close', onResponseClosed);
      return true;
    },

    /** Whether a response has begun on this connection, or could begin at any moment. */
    isAnswering(socket: Socket): boolean {
      const first = open.get(socket)?.unfinished[0];
      return first !== undefined && (first.headersSent || first.req.complete);
    },

    /** Whether other requests, before or after it, share the connection of this one. */
    isShared: ({ socket }: IncomingMessage) => (open.get(socket)?.unfinished.length ?? 0) > 1,

    /** Gives the connection of this request to its event stream. */
    reserveForStream({ socket }: IncomingMessage): void {
      const connection = open.get(socket);
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
