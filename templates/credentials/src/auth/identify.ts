import type { IncomingMessage } from 'node:http';
import { HttpError } from '../http/errors.ts';
import type { Exchange } from '../http/exchange.ts';
import type { Log } from '../monitoring/log.ts';
import { requestId } from '../monitoring/request-id.ts';
import type { AuthProvider, AuthResult } from './auth-provider.ts';
import type { Caller } from './caller.ts';
import { callerOf } from './caller-of.ts';
import type { GuessLimit } from './guess-limit.ts';
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
  guessLimit: GuessLimit;
  resourceMetadata: ResourceMetadata;
  log: Log;
}

/** Finds out who is calling. */
export function createIdentify({ provider, asks, guessLimit, resourceMetadata, log }: IdentifyOptions) {
  const callerFrom = callerOf(provider, log);
  provider.onRefused = (request, reason) =>
    log.debug({ request: requestId(request), reason }, 'credential refused');

  /**
   * @returns the caller, or undefined where no credential is needed
   * @throws {HttpError} `unauthorized`; `auth_unavailable` if the provider itself failed; `too_many_requests`
   */
  return async function identify(exchange: Exchange, need: Need): Promise<Caller | undefined> {
    if (!asks[need]) return undefined;
    const { request, address } = exchange;
    await guessLimit.requireFewFailures(address);
    let refusal: HttpError;
    try {
      const result = await provider.authenticate(request);
      if (result && !hasEnded(result)) {
        const caller = callerFrom(exchange, result === true ? {} : result);
        // With it the SDK tells a client that lacks a scope where to get one.
        if (resourceMetadata.issuer) caller.authInfo.resourceMetadataUrl = resourceMetadata.url(exchange);
        return caller;
      }
      refusal = refusalOf(provider, request, resourceMetadata.url(exchange));
    } catch (error) {
      log.error({ request: requestId(request), err: error }, 'the auth provider failed');
      throw new HttpError('auth_unavailable');
    }
    if (mayBeGuess(request, provider)) await guessLimit.countFailure(address);
    throw refusal;
  };
}

function hasEnded(result: true | AuthResult): boolean {
  return result !== true && result.expiresAt !== undefined && result.expiresAt * 1000 <= Date.now();
}

function refusalOf(provider: AuthProvider, request: IncomingMessage, metadataUrl: string): HttpError {
  const own = provider.getAuthError?.();
  if (own && !(own.status >= 400 && own.status <= 599)) {
    throw new Error(`getAuthError gives the status ${own.status}, which is not a refusal`);
  }
  const challenge = provider.credentialScheme?.challenge(request, metadataUrl) ?? 'Bearer realm="mcp"'; // RFC 6750, section 3
  return new HttpError('unauthorized', {
    ...own,
    headers: { 'WWW-Authenticate': challenge, ...own?.headers },
  });
}

/** Whether a refused request may have been an attempt to guess a credential; one without any was not. */
function mayBeGuess({ headers }: IncomingMessage, { credentialScheme }: AuthProvider): boolean {
  // A provider that does not say where its credential is may have found it anywhere.
  if (credentialScheme === undefined) return true;
  return (
    headers[credentialScheme.headerName.toLowerCase()] !== undefined || headers.authorization !== undefined
  );
}
