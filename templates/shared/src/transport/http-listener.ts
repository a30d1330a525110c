import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Server as TlsServer } from 'node:tls';
import type { Certificate } from './certificate.js';

export interface ListenerOptions {
  /** Address or host name to listen on. */
  host: string;
  /** Port to listen on; 0 for any free one. */
  port: number;
  /** Reads the certificate, again each time it is renewed. Absent: plain HTTP. */
  readCertificate?: (() => Certificate) | undefined;
  /** Milliseconds in which the headers of a request must have come. */
  headersTimeoutMs: number;
  /** Milliseconds in which a whole request, body included, must have come. */
  requestTimeoutMs: number;
}

/** The server cannot listen; the message says why in one line. */
export class ListenError extends Error {}

/** Milliseconds an idle connection is kept: more than the 60 s after which the usual load balancers drop it. */
const keepAliveTimeout = 65_000;

/** Connections that may wait to be accepted: after a restart all clients come back at the same moment. */
const backlog = 4096;

/** Milliseconds between two looks at which requests are overdue. */
const connectionsCheckingInterval = 1000;

/** Bytes that the headers of one request may have. */
const maxHeaderSize = 16_384;

/** Requests that may wait on one connection for those before them. No client in use sends more than one at a time. */
const maxPipelined = 100;

/** What the listener hands on. */
export interface Handlers {
  /** Answers a request whose turn it is: nothing else is being answered on its connection. */
  handle: (request: IncomingMessage, response: ServerResponse) => void;
  /** Answers bytes that are no request, or one that came too slowly, on the bare connection. */
  handleClientError: (error: NodeJS.ErrnoException, socket: Socket) => void;
}

/** Node's HTTP or HTTPS server, with this server's time-outs, and errors that say what to do. */
export function createListener(options: ListenerOptions, { handle, handleClientError }: Handlers) {
  const { host, port, readCertificate } = options;
  /** The open connections, each with its answers that are not over, in their order. */
  const connections = new Map<Socket, ServerResponse[]>();
  /** Connections that carry a stream: whatever else comes on them can never be answered. */
  const streams = new WeakSet<Socket>();
  let unanswered = 0;
  let onAllAnswered: (() => void) | undefined;

  function onConnection(socket: Socket): void {
    const answers: ServerResponse[] = [];
    connections.set(socket, answers);
    socket.once('close', () => {
      connections.delete(socket);
      unanswered -= answers.length;
      if (unanswered === 0) onAllAnswered?.();
    });
  }

  function onRequest(request: IncomingMessage, response: ServerResponse): void {
    const answers = connections.get(request.socket) ?? [];
    if (streams.has(request.socket) || answers.length > maxPipelined) {
      request.socket.destroy();
      return;
    }
    answers.push(response);
    unanswered++;
    response.on('close', onAnswered);
    // Before its turn comes an answer has no connection, and would not learn that its client left.
    if (response.socket !== null) handle(request, response);
    else response.once('socket', () => handle(request, response));
  }

  // One function for all requests: there are too many for each to have its own.
  function onAnswered(this: ServerResponse): void {
    if (connections.get(this.req.socket)?.shift() && --unanswered === 0) onAllAnswered?.();
  }

  const serverOptions = {
    // Headers are part of the request; Node does not start when they may take longer than the whole.
    headersTimeout: Math.min(options.headersTimeoutMs, options.requestTimeoutMs),
    requestTimeout: options.requestTimeoutMs,
    keepAliveTimeout,
    connectionsCheckingInterval,
    maxHeaderSize,
    // A missing Host is refused with the other checks, in the same form as everything else.
    requireHostHeader: false,
  };
  const secureContext = () => ({ ...readCertificate?.(), minVersion: 'TLSv1.2' as const });
  const server = readCertificate
    ? createTlsServer({ ...serverOptions, ...secureContext() }, onRequest)
    : createServer(serverOptions, onRequest);
  // Left alone, Node asks for a body with 100 before anybody looked at its headers, and answers 417 on its own.
  server.on('checkContinue', onRequest).on('checkExpectation', onRequest);
  server.on(readCertificate ? 'secureConnection' : 'connection', onConnection);
  server.on('clientError', (error, socket: Socket) => {
    const first = connections.get(socket)?.[0];
    // The refusal would be taken for the answer to the request in front, or stand in the middle of it.
    if (first?.headersSent || first?.req.complete) socket.destroy();
    else handleClientError(error, socket);
  });

  return {
    /** Whether others, in front or behind, share the connection of this request. */
    isShared: ({ socket }: IncomingMessage) => (connections.get(socket)?.length ?? 0) > 1,

    /** From now on the connection of this request carries a stream and nothing else. */
    carriesStream: ({ socket }: IncomingMessage) => void streams.add(socket),

    /** Where the server listens. */
    url(): string {
      const { address, port, family } = server.address() as AddressInfo;
      return `${readCertificate ? 'https' : 'http'}://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
    },

    /** @throws {ListenError} */
    async listen(): Promise<void> {
      await new Promise<void>((resolve, reject) => {
        server.once('error', (error) => reject(new ListenError(explain(error, host, port))));
        server.listen({ port, host, backlog }, resolve);
      });
    },

    /**
     * Closes every connection, those that are being answered at last: they get up to `graceMs` milliseconds.
     * What Node calls idle is not all that needs no waiting: a client may have connected and not asked yet.
     */
    async close(graceMs: number): Promise<void> {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, graceMs);
        onAllAnswered = () => {
          clearTimeout(timer);
          resolve();
        };
        if (unanswered === 0) onAllAnswered();
      });
      server.close();
      server.closeAllConnections();
    },

    /** Reads the certificate anew, for connections from now on. @throws when it is bad; the old one then stays */
    renewCertificate(): void {
      if (readCertificate) (server as TlsServer).setSecureContext(secureContext());
    },
  };
}

function explain(error: NodeJS.ErrnoException, host: string, port: number): string {
  switch (error.code) {
    case 'EADDRINUSE':
      return `PORT ${port}: another program already listens on it at ${host}; stop it or choose another port`;
    case 'EACCES':
      return `PORT ${port}: listening on it needs more rights; choose a port above 1023`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `HOST ${host}: this machine has no such address`;
    default:
      return `cannot listen on ${host}:${port}: ${error.message}`;
  }
}
