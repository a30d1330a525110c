import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, Server, type Socket } from 'node:net';
import type { Server as TlsServer } from 'node:tls';
import { isLoopback } from '../settings/kinds.ts';
import type { Certificate } from './certificate.ts';
import { type ConnectionOptions, createConnections } from './connections.ts';

export interface ListenerOptions extends ConnectionOptions {
  /** Address or host name to listen on. */
  host: string;
  /** Port to listen on; 0 for any free one. */
  port: number;
  /** The descriptor of a socket that listens already, in place of `host` and `port`: it stays while processes come and go. */
  givenSocket?: number | undefined;
  /** Seconds in which the headers of a request must have come. */
  headersTimeoutSeconds: number;
  /** Seconds in which a whole request, body included, must have come. */
  requestTimeoutSeconds: number;
  /** Reads the certificate, again each time it is renewed. Without it: plain HTTP. */
  readCertificate?: (() => Certificate) | undefined;
}

/** The server cannot listen; the message says why in one line. */
export class ListenError extends Error {}

/** Milliseconds an idle connection is kept: more than the 60 s after which the usual load balancers drop it. */
const keepAliveTimeout = 65_000;

/** Connections that may wait to be accepted: after a restart all clients come back at the same moment. */
const backlog = 4096;

/** Milliseconds between two checks for requests that are overdue. */
const connectionsCheckingInterval = 1000;

/** Milliseconds that a response which was ended may take to reach the socket. */
const lastWritesMs = 100;

/** Bytes that the headers of one request may have. */
const maxHeaderSize = 16_384;

/** What the listener hands on. */
export interface Handlers {
  /** Answers a request whose turn it is: nothing else is being answered on its connection. */
  handle: (request: IncomingMessage, response: ServerResponse) => void;
  /** Answers bytes that are not a request, or one that came too slowly, on the bare connection. */
  handleClientError: (error: NodeJS.ErrnoException, socket: Socket) => void;
}

/** Node's HTTP or HTTPS server, with this server's timeouts, and errors that say what to do. */
export function createListener(options: ListenerOptions, { handle, handleClientError }: Handlers) {
  const { host, port, givenSocket, readCertificate } = options;
  const connections = createConnections(options);
  let isAccepting = true;

  function onRequest(request: IncomingMessage, response: ServerResponse): void {
    if (!isAccepting) response.shouldKeepAlive = false;
    if (!connections.begin(request, response)) request.socket.destroy();
    // A pipelined response has no socket until its turn, and would not learn that its client left.
    else if (response.socket === null) response.once('socket', () => handle(request, response));
    else handle(request, response);
  }

  function onClientError(error: NodeJS.ErrnoException, socket: Socket): void {
    if (connections.canRefuse(socket)) handleClientError(error, socket);
    else socket.destroy();
  }

  const requestTimeout = options.requestTimeoutSeconds * 1000;
  const serverOptions = {
    // Headers are part of the request; Node does not start if they may take longer than the whole.
    headersTimeout: Math.min(options.headersTimeoutSeconds * 1000, requestTimeout),
    requestTimeout,
    keepAliveTimeout,
    connectionsCheckingInterval,
    maxHeaderSize,
    // A missing Host is refused with the other checks, in the same form as everything else.
    requireHostHeader: false,
  };
  const secureContext = () => ({ ...readCertificate?.(), minVersion: 'TLSv1.2' as const });
  const server = readCertificate
    ? createTlsServer(
        { ...serverOptions, handshakeTimeout: serverOptions.headersTimeout, ...secureContext() },
        onRequest,
      )
    : createServer(serverOptions, onRequest);
  if (readCertificate)
    server.on('connection', connections.addTls).on('secureConnection', connections.onSecure);
  else server.on('connection', connections.add);
  server.on('clientError', onClientError);
  // Otherwise Node asks for a body with 100 before its headers were checked, and answers 417 on its own.
  server.on('checkContinue', onRequest).on('checkExpectation', onRequest);

  return {
    isShared: connections.isShared,
    reserveForStream: connections.reserveForStream,
    /** How many connections are open. */
    connections: () => connections.size,

    /** Where the server listens. */
    url(): string {
      const { address, port, family } = server.address() as AddressInfo;
      return `${readCertificate ? 'https' : 'http'}://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
    },

    /** @throws {ListenError} */
    async listen(): Promise<void> {
      await new Promise<void>((resolve, reject) => {
        server.once('error', (error) => reject(new ListenError(explain(error, host, port))));
        server.listen(givenSocket === undefined ? { port, host, backlog } : { fd: givenSocket }, resolve);
      });
      if (givenSocket !== undefined) requireHost(server.address(), host);
    },

    /**
     * Takes no more connections, and closes each that is open after its next response. Node's own `close` would close
     * idle ones at once, while a proxy may be sending a message over one of them.
     */
    stopAccepting(): void {
      isAccepting = false;
      Server.prototype.close.call(server);
    },

    /** Resolves once every response is over, or after `ms` milliseconds. */
    finish: connections.idle,

    /** Closes every connection, after what was written last had a moment to leave. */
    async close(): Promise<void> {
      server.close();
      await connections.idle(lastWritesMs);
      server.closeAllConnections();
    },

    /** Reads the certificate again, for connections from now on. @throws if it is bad; the old one then stays */
    renewCertificate(): void {
      if (readCertificate) (server as TlsServer).setSecureContext(secureContext());
    },
  };
}

/** What HOST says is relied on: who may come without a credential, and under which names. @throws {ListenError} */
function requireHost(given: AddressInfo | string | null, host: string): void {
  if (given === null || typeof given === 'string') {
    throw new ListenError('the socket that this process was given must be a TCP socket');
  }
  if (isLoopback(host) && !isLoopback(given.address)) {
    throw new ListenError(
      `HOST=${host} must be ${given.address}, where the socket listens that this process was given`,
    );
  }
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
