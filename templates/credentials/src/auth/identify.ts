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
import type { CheckOutcome, GuessLimit } from './guess-limit.ts';
import { notGuesses, type RefusalReason, refusalReasons, withoutQuotes } from './refusal-reasons.ts';
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

/** Characters of a credential that is remembered as it is. */
const longestKept = 128;

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
    const credential = credentialIn(provider, request);
    const turn = guessLimit.begin(address, credential);
    if (turn) await turn;
    let outcome: CheckOutcome = 'neither';
    try {
      if (need === 'metrics' && isScraper) {
        const reason = isScraper(request);
        if (reason !== undefined) throw refuse(request, reason);
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
      guessLimit.end(address, credential, outcome);
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
    metadataUrl?: string,
  ): HttpError {
    reasons.set(request, reason);
    metrics.authFailed(reason);
    const details = { reason: refusalReasons[reason] };
    if (metadataUrl === undefined) {
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

/** The headers that a credential may be in, to recognise it again; a digest if they are long. */
function credentialIn({ credentialScheme }: AuthProvider, { headers }: IncomingMessage): string {
  const { authorization = '', 'x-api-key': key = '' } = headers;
  const named = credentialScheme && headers[credentialScheme.headerName.toLowerCase()];
  const all =
    named === undefined || named === authorization ? `${authorization}${key}` : `${authorization}${named}`;
  return all.length > longestKept ? hash('sha256', all) : all;
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

/** Compares the static token of a scraper, in a time that says nothing about it. @returns why it is not the one */
function scraperCheck(token: string) {
  const digest = (text: string) => hash('sha256', text, 'buffer');
  const expected = digest(token);
  const unquoted = digest(withoutQuotes(token) ?? token);
  return (request: IncomingMessage): RefusalReason | undefined => {
    if (request.headers.authorization === undefined) return 'missing';
    const given = digest(bearerToken(singleHeader(request, 'authorization')) ?? '');
    if (timingSafeEqual(given, expected)) return undefined;
    return timingSafeEqual(given, unquoted) ? 'secret_in_quotes' : 'not_scraper';
  };
}
