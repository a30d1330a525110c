import { logLevels } from '../monitoring/log.ts';
import type { Environment } from './environment.ts';
import { isLoopback, loopbackNames } from './kinds.ts';

/** What the command that made this project was told: the defaults of some settings. */
export interface Answers {
  host: string;
  port: number;
  endpoint: string;
  messageEndpoint: string;
  maxMessageSize: string;
  allowedOrigins: string;
}

const count = { min: 1, max: 1_000_000 };
const seconds = { min: 1, max: 3600 };
const secondsOrOff = { min: 0, max: 3600 };

/** The settings that every server has, in groups: each group is what one part of the server takes. */
export function serverSettings(env: Environment, answers: Answers) {
  const listen = {
    host: env.host(
      'HOST',
      answers.host,
      'Address or host name to listen on; 0.0.0.0 is every address of the machine.',
    ),
    port: env.wholeNumber(
      'PORT',
      answers.port,
      { min: 0, max: 65535 },
      'Port to listen on; 0 is any free one.',
    ),
    givenSocket: env.givenSocket,
    headersTimeoutSeconds: env.wholeNumber(
      'HEADERS_TIMEOUT_SECONDS',
      10,
      seconds,
      'Seconds within which the headers of a request must arrive.',
    ),
    requestTimeoutSeconds: env.wholeNumber(
      'REQUEST_TIMEOUT_SECONDS',
      60,
      seconds,
      'Seconds within which a whole request must arrive.',
    ),
    shutdownSeconds: env.wholeNumber(
      'SHUTDOWN_SECONDS',
      5,
      secondsOrOff,
      'Seconds that running calls may take to finish when the server stops.',
    ),
  };
  const connections = {
    maxConnections: env.wholeNumber(
      'MAX_CONNECTIONS',
      0,
      { min: 0, max: 10_000_000 },
      'Connections open at once, in all; 0 is as many as the system has descriptors for (`ulimit -n`), less a reserve.',
    ),
    maxConnectionsPerAddress: env.wholeNumber(
      'MAX_CONNECTIONS_PER_ADDRESS',
      0,
      { min: 0, max: 10_000_000 },
      'Connections open at once from one address; 0 is 1,000, or any number with `TRUST_PROXY`.',
    ),
  };
  const tls = {
    certFile: env.text(
      'TLS_CERT_FILE',
      '',
      'PEM file of a certificate with its chain, for HTTPS. SIGHUP reads it again.',
    ),
    keyFile: env.text('TLS_KEY_FILE', '', 'PEM file of the private key of the certificate.'),
  };
  const proxy = {
    basePath: env.pathPrefix('BASE_PATH', 'Path prefix that a proxy in front adds, such as `/my-server`.'),
    trustedProxies: env.wholeNumber(
      'TRUST_PROXY',
      0,
      { min: 0, max: 10 },
      "How many proxies in front to trust about the client's address and scheme.",
    ),
    publicUrl: env.like(
      'PUBLIC_URL',
      '',
      /^https?:\/\/[\w.-]+(:\d+)?\/?$|^https?:\/\/\[[\da-f:.]+\](:\d+)?\/?$/i,
      'an origin such as https://mcp.example.com',
      'Where clients reach this server, if a proxy changes `Host`. Its host and origin are allowed.',
    ),
  };
  const paths = {
    endpoint: env.path('SSE_ENDPOINT', answers.endpoint, 'Path of the event stream.'),
    messageEndpoint: env.path(
      'MESSAGE_ENDPOINT',
      answers.messageEndpoint,
      'Path that messages are POSTed to.',
    ),
  };
  const messages = {
    maxMessageValues: env.wholeNumber(
      'MAX_MESSAGE_VALUES',
      100_000,
      { min: 1000, max: 100_000_000 },
      "JSON values in a call's arguments or a reply's result, at most. Even a small message can be slow to check.",
    ),
    maxMessageSize: env.size(
      'MAX_MESSAGE_SIZE',
      answers.maxMessageSize,
      { min: '1kb', max: '256mb' },
      'Largest message, such as `512kb` or `4mb`.',
    ),
  };
  const allowedHosts = env.list(
    'ALLOWED_HOSTS',
    isLoopback(listen.host) ? [...new Set([...loopbackNames, inUrl(listen.host)])] : ['*'],
    /^(\*|[\w.-]+|\[[\da-f:.]+\])$/i,
    'a comma-separated list of host names, without scheme and port',
    'Host names that requests may ask for; `*` is any. Defaults to loopback names on a loopback address, else to any.',
  );
  const allowedOrigins = env.list(
    'ALLOWED_ORIGINS',
    [answers.allowedOrigins],
    /^(\*|loopback|[a-z][\w+.-]*:\/\/[^/\s]+)$/i,
    'a comma-separated list of origins such as https://app.example.com',
    'Origins whose pages may call this server; `*` is any, `loopback` is pages of this machine.',
  );
  const limits = {
    rateLimit: env.wholeNumber(
      'RATE_LIMIT',
      100,
      { min: 0, max: 1_000_000 },
      'Messages per second from one client, in bursts of twice that; 0 is no limit.',
    ),
  };
  const calls = {
    maxCallsPerClient: env.wholeNumber('MAX_CALLS_PER_CLIENT', 100, count, 'Concurrent calls per client.'),
  };
  const sessions = {
    maxSessions: env.wholeNumber('MAX_SESSIONS', 10_000, count, 'Open sessions in all.'),
    maxSessionsPerClient: env.wholeNumber('MAX_SESSIONS_PER_CLIENT', 100, count, 'Open sessions per client.'),
    resumeSeconds: env.wholeNumber(
      'RESUME_SECONDS',
      30,
      secondsOrOff,
      'Seconds for which a session goes on after its stream was cut, so that its client can come back to it; 0 is none.',
    ),
    keepAliveSeconds: env.wholeNumber(
      'KEEP_ALIVE_SECONDS',
      15,
      secondsOrOff,
      'Seconds between two keep-alives on a stream; 0 turns them off. Many proxies close a stream that is silent for 60 s.',
    ),
    keepAliveMode: env.oneOf(
      'KEEP_ALIVE_MODE',
      'comment',
      ['comment', 'ping'],
      '`comment`, which every client ignores, or `ping`, which every client answers.',
    ),
  };
  const tools = {
    timeoutSeconds: env.wholeNumber(
      'TOOL_TIMEOUT_SECONDS',
      0,
      secondsOrOff,
      'Seconds that a tool call may take before it is ended; 0 is no limit.',
    ),
    exposeErrors: env.oneOf(
      'EXPOSE_ERRORS',
      'off',
      ['on', 'off'],
      'Whether clients see why a tool failed (`on`), or only a reference to the log (`off`). `npm run dev` sets `on`.',
    ),
  };
  const delivery = {
    maxBufferedBytes: env.wholeNumber(
      'MAX_BUFFERED_BYTES',
      1_048_576,
      { min: 1024, max: 1024 ** 3 },
      'Bytes buffered for a stalled reader, at most. A slow one that keeps reading may have 16 times as much.',
    ),
    stallTimeoutSeconds: env.wholeNumber(
      'STALL_TIMEOUT_SECONDS',
      30,
      seconds,
      'Seconds without progress before a reader for whom data waits is disconnected. Detection may take twice as long.',
    ),
  };
  const log = {
    level: env.oneOf(
      'LOG_LEVEL',
      'info',
      logLevels,
      'The lowest level that is logged: `debug`, `info`, `warn`, `error` or `silent`.',
    ),
    format: env.oneOf(
      'LOG_FORMAT',
      '',
      ['json', 'text'],
      '`json` for machines, `text` for people. Defaults to text in a terminal, else to JSON.',
    ),
  };
  const landingPage = env.oneOf(
    'LANDING_PAGE',
    'on',
    ['on', 'off'],
    'The page for people at `/`: `on` or `off`.',
  );
  return {
    listen,
    connections,
    tls,
    proxy,
    paths,
    messages,
    allowedHosts,
    allowedOrigins,
    limits,
    calls,
    sessions,
    tools,
    delivery,
    log,
    landingPage,
  };
}

/** As a host stands in a URL and in the `Host` header: an IPv6 address in brackets. */
function inUrl(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
