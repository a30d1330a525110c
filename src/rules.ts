import { isIP } from 'node:net';
import { sizeInBytes } from './accepts.js';
import type { Answers } from './questions.js';

/** What must hold between answers that are each accepted by themselves. */
export interface Rule {
  /** The answers it is about; the first that the user gave is the one to change. */
  readonly about: readonly [keyof Answers, ...(keyof Answers)[]];
  /**
   * What is accepted instead of the answer to change, or undefined when all is well. Answers may be missing: they are
   * not known yet.
   */
  broken(answers: Partial<Answers>, toChange: keyof Answers): string | undefined;
}

/** Paths of every generated server that are not asked about. */
const fixedPaths = ['/', '/health', '/metrics'];

/**
 * Bytes of a message that Redis hands over: its default limit for what waits for a subscriber is 32 MB, and one message
 * more than that costs a server its subscription. A generated server does not start with more.
 */
const largestRelayed = 24 * 1024 * 1024;

export const rules: readonly Rule[] = [
  {
    about: ['endpoint', 'streamableHttp'],
    broken: (answers) => takenPath(answers.endpoint, answers),
  },
  {
    about: ['messageEndpoint', 'endpoint', 'streamableHttp'],
    broken: ({ messageEndpoint, ...others }, toChange) =>
      samePath(messageEndpoint, others.endpoint)
        ? `a path other than the ${toChange === 'endpoint' ? 'message' : 'SSE'} endpoint's, ${messageEndpoint}, is accepted`
        : takenPath(messageEndpoint, others),
  },
  {
    about: ['maxMessageSize', 'relay'],
    broken: ({ maxMessageSize = '', relay }) =>
      relay === 'redis' && (sizeInBytes(maxMessageSize) ?? 0) > largestRelayed
        ? 'with --relay redis at most 24mb is accepted: Redis carries no more'
        : undefined,
  },
  {
    about: ['host', 'auth'],
    broken: ({ host, auth }) =>
      auth === 'none' && host !== undefined && !isLoopback(host)
        ? 'with --auth none only a loopback address such as 127.0.0.1 is accepted: anyone could use the server'
        : undefined,
  },
];

function takenPath(
  path: string | undefined,
  { streamableHttp = true }: Partial<Answers>,
): string | undefined {
  const taken = [...fixedPaths, ...(streamableHttp ? ['/mcp'] : [])];
  return taken.some((other) => samePath(path, other)) || path?.startsWith('/.well-known/')
    ? `a path other than ${taken.join(', ')} and /.well-known/... is accepted: the server has these already`
    : undefined;
}

/** A trailing slash makes no difference to the server. */
function samePath(a: string | undefined, b: string | undefined): boolean {
  const trim = (path: string) => path.replace(/\/$/, '');
  return a !== undefined && b !== undefined && trim(a) === trim(b);
}

function isLoopback(host: string): boolean {
  if (isIP(host) === 4) return host.startsWith('127.');
  return host === '::1' || host === 'localhost' || host.endsWith('.localhost');
}
