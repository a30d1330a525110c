import { hash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { HttpError } from '../http/errors.ts';
import type { Exchange } from '../http/exchange.ts';
import { bearerToken, singleHeader } from '../http/headers.ts';
import type { Log } from '../monitoring/log.ts';
import type { Metrics } from '../monitoring/metrics.ts';
import { requestId } from '../monitoring/request-id.ts';
import type { AuthProvider, AuthResult } from './auth-provider.ts';
import type { Caller } from './caller.ts';
import { callerOf } from './caller-of.ts';
import type { GuessLimit } from './guess-limit.ts';
import { notGuesses, type RefusalReason, refusalReasons } from './refusal-reasons.ts';
import type { ResourceMetadata } from './resource-metadata.ts';

/**
 * What a route asks of its caller: nothing (`public`), a credential (`caller`), or what the settings say of the event
 * stream (`sse`), of messages (`messages`) and of metrics (`metrics`).
 */
export type Need = 'public' | 'caller' | 'sse' | 'messages' | 'metrics';

export interface IdentifyOptions {
  provider: AuthProvider;
  /** Which needs ask for a credential. */
  asks: Readonly<Record<Need, boolean>>;
  /** The one credential that opens the metrics; undefined if the provider decides. */
  metricsToken: string | undefined;
  guessLimit: GuessLimit;
  resourceMetadata: ResourceMetadata;
  log: Log;
  metrics: Metrics;
}

/** Finds out who is calling. */
export function createIdentify(options: IdentifyOptions) {
  const { provider, asks, metricsToken, guessLimit, resourceMetadata, log, metrics } = options;
  const callerFrom = callerOf(provider, log);
  const isScraper = metricsToken === undefined ? undefined : scraperCheck(metricsToken);
  /** What providers said of requests that they refused. */
  const reasons = new WeakMap<IncomingMessage, RefusalReason>();
  provider.onRefused = (request, reason) => void reasons.set(request, reason);

  /**
   * @returns the caller, or undefined where no credential is needed
   * @throws {HttpError} `unauthorized`; `auth_unavailable` if the provider itself failed; `too_many_requests`
   */
  return async function identify(exchange: Exchange, need: Need): Promise<Caller | undefined> {
    if (!asks[need]) return undefined;
    const { request, address } = exchange;
    const end = await guessLimit.begin(address, credentialIn(provider, request));
    let outcome: 'accepted' | 'failed' | 'neither' = 'neither';
    try {
      if (need === 'metrics' && isScraper) {
        if (!isScraper(request)) throw refuse(request, 'not_scraper');
        outcome = 'accepted';
        return undefined;
      }
      const caller = await authenticate(exchange);
      if (caller === undefined) throw refuse(request, reasons.get(request), resourceMetadata.url(exchange));
      outcome = 'accepted';
      // With it the SDK tells a client that lacks a scope where to get one.
      if (resourceMetadata.issuer) caller.authInfo.resourceMetadataUrl = resourceMetadata.url(exchange);
      return caller;
    } catch (error) {
      if (error instanceof HttpError && error.code === 'unauthorized' && isGuess(request)) outcome = 'failed';
      throw error;
    } finally {
      end(outcome);
    }
  };

  /** Who the provider says is calling; undefined if it refuses. @throws {HttpError} `auth_unavailable` */
  async function authenticate(exchange: Exchange): Promise<Caller | undefined> {
    const { request } = exchange;
    try {
      const result = await provider.authenticate(request);
      if (!result) return undefined;
      if (!hasEnded(result)) return callerFrom(exchange, result === true ? {} : result);
      reasons.set(request, 'expired');
      return undefined;
    } catch (error) {
      log.error({ request: requestId(request), err: error }, 'the auth provider failed');
      throw new HttpError('auth_unavailable');
    }
  }

  /** Notes why a credential is refused, and makes what its client is told. */
  function refuse(
    request: IncomingMessage,
    reason: RefusalReason = defaultReason(request),
    metadataUrl = '',
  ): HttpError {
    reasons.set(request, reason);
    metrics.authFailed(reason);
    const details = { reason: refusalReasons[reason] };
    if (reason === 'not_scraper') {
      return new HttpError('unauthorized', {
        ...details,
        headers: { 'WWW-Authenticate': 'Bearer realm="metrics"' },
      });
    }
    try {
      return new HttpError('unauthorized', { ...details, ...toldBy(provider, request, metadataUrl) });
    } catch (error) {
      log.error({ request: requestId(request), err: error }, 'the auth provider failed');
      return new HttpError('auth_unavailable');
    }
  }

  function defaultReason(request: IncomingMessage): RefusalReason {
    return provider.credentialScheme !== undefined && credentialIn(provider, request) === ''
      ? 'missing'
      : 'refused';
  }

  /** Whether a refused request may have been an attempt to guess a credential. */
  function isGuess(request: IncomingMessage): boolean {
    return !notGuesses.has(reasons.get(request) ?? 'refused');
  }
}

function hasEnded(result: true | AuthResult): boolean {
  return result !== true && result.expiresAt !== undefined && result.expiresAt * 1000 <= Date.now();
}

/** The headers that a credential may be in, to recognise it again. */
function credentialIn({ credentialScheme }: AuthProvider, { headers }: IncomingMessage): string {
  const { authorization = '', 'x-api-key': key = '' } = headers;
  const named = credentialScheme && headers[credentialScheme.headerName.toLowerCase()];
  return named === undefined || named === authorization
    ? `${authorization}${key}`
    : `${authorization}${named}`;
}

/** What a provider, or its default, says to a client that it refuses. */
function toldBy(provider: AuthProvider, request: IncomingMessage, metadataUrl: string) {
  const own = provider.getAuthError?.();
  if (own && !(own.status >= 400 && own.status <= 599)) {
    throw new Error(`getAuthError gives the status ${own.status}, which is not a refusal`);
  }
  const challenge = provider.credentialScheme?.challenge(request, metadataUrl) ?? 'Bearer realm="mcp"'; // RFC 6750, section 3
  return { ...own, headers: { 'WWW-Authenticate': challenge, ...own?.headers } };
}

/** Recognises the static token of a scraper, in a time that says nothing about it. */
function scraperCheck(token: string) {
  const digest = (text: string) => hash('sha256', text, 'buffer');
  const expected = digest(token);
  return (request: IncomingMessage) =>
    timingSafeEqual(digest(bearerToken(singleHeader(request, 'authorization')) ?? ''), expected);
}
