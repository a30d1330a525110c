import { largestRelayed } from '../../templates/redis-relay/src/settings/largest-relayed.ts';
import { isLoopback, reservedPath, sizeInBytes } from '../../templates/shared/src/settings/kinds.ts';
import type { AnswerKey, Answers } from './questions.ts';

/** What must hold between answers that are each valid. */
export interface Rule {
  /** The answers it is about. The first that the user gave is the one to change. */
  readonly about: readonly [AnswerKey, ...AnswerKey[]];
  /**
   * Completes the sentence "--endpoint /health must be …" about the answer to change; undefined if the answers fit
   * together. Answers that are not known yet are missing.
   */
  mustBe(answers: Partial<Answers>, toChange: AnswerKey): string | undefined;
}

export const rules: readonly Rule[] = [
  {
    about: ['endpoint', 'streamableHttp'],
    mustBe: (answers, toChange) => notServed(answers.endpoint, answers, toChange),
  },
  {
    about: ['messageEndpoint', 'streamableHttp'],
    mustBe: (answers, toChange) => notServed(answers.messageEndpoint, answers, toChange),
  },
  {
    about: ['messageEndpoint', 'endpoint'],
    mustBe: ({ messageEndpoint, endpoint }, toChange) =>
      endpoint !== undefined && endpoint === messageEndpoint
        ? `a path other than the ${toChange === 'endpoint' ? 'message' : 'SSE'} endpoint's`
        : undefined,
  },
  {
    about: ['maxMessageSize', 'relay'],
    mustBe: ({ maxMessageSize, relay }) =>
      relay === 'redis' && bytes(maxMessageSize) > bytes(largestRelayed)
        ? `${largestRelayed} or less with --relay redis: Redis does not carry larger messages`
        : undefined,
  },
  {
    about: ['host', 'auth'],
    mustBe: ({ host, auth }) =>
      auth === 'none' && host !== undefined && !isLoopback(host)
        ? 'a loopback address such as 127.0.0.1 with --auth none, which lets any client in'
        : undefined,
  },
];

function notServed(
  path = '',
  { streamableHttp = true }: Partial<Answers>,
  toChange: AnswerKey,
): string | undefined {
  const served = streamableHttp && path === '/mcp' ? '/mcp' : reservedPath(path);
  if (served === undefined) return undefined;
  return toChange === 'streamableHttp'
    ? `off while ${path} is another endpoint`
    : `another path: the server itself serves ${served}`;
}

function bytes(size = ''): number {
  return sizeInBytes(size) ?? 0;
}
