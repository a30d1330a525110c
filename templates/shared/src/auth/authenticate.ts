import { hash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { AuthInfo } from '@modelcontextprotocol/server';
import type { Log } from '../monitoring/log.js';
import { requestId } from '../monitoring/request-id.js';
import { HttpError } from '../transport/http-error.js';
import type { AuthProvider, AuthResult } from './auth-provider.js';

/** Who a good credential says is calling. */
export interface Caller {
  /** The same for each credential of this caller; never a secret. */
  readonly id: string;
  /** What tools see of the caller, as `ctx.http.authInfo`. */
  readonly authInfo: AuthInfo;
}

/** Providers whose callers had to be told apart by their addresses, so that each is warned about once. */
const warnedAbout = new WeakSet<AuthProvider>();

/**
 * Asks the provider who is calling.
 *
 * @param address of the client, to tell callers apart where nothing else does
 * @param resourceMetadataUrl where the issuer of tokens is published (RFC 9728)
 * @throws {HttpError} `unauthorized`; `auth_unavailable` when the provider itself failed
 */
export async function authenticate(
  provider: AuthProvider,
  request: IncomingMessage,
  address: string,
  resourceMetadataUrl: () => string,
  log: Log,
): Promise<Caller> {
  try {
    const result = await provider.authenticate(request);
    if (!result || hasEnded(result)) throw refusal(provider, request, resourceMetadataUrl());
    const caller = callerOf(
      result === true ? {} : result,
      () => credential(provider, request) ?? addressAlone(provider, address, log),
    );
    // With it the SDK tells a client that lacks a scope where to get one.
    if (provider.credentialScheme?.issuer) caller.authInfo.resourceMetadataUrl = resourceMetadataUrl();
    return caller;
  } catch (error) {
    if (error instanceof HttpError) throw error;
    log.error({ request: requestId(request), err: error }, 'the auth provider failed');
    throw new HttpError('auth_unavailable', 'The credential cannot be checked at the moment', {
      'Retry-After': '5',
    });
  }
}

function hasEnded(result: true | AuthResult): boolean {
  return result !== true && result.expiresAt !== undefined && result.expiresAt * 1000 <= Date.now();
}

function refusal(provider: AuthProvider, request: IncomingMessage, resourceMetadataUrl: string): HttpError {
  const { status, message, headers } = provider.getAuthError?.() ?? {
    status: 401,
    message: 'A valid credential is required',
  };
  if (!(status >= 400 && status <= 599))
    throw new Error(`getAuthError gives the status ${status}, which refuses nobody`);
  const challenge =
    provider.credentialScheme?.challenge(request, resourceMetadataUrl) ?? 'Bearer realm="mcp"'; // RFC 6750, section 3
  return new HttpError('unauthorized', message, { 'WWW-Authenticate': challenge, ...headers }, status);
}

/** @param rest what tells callers apart when the provider does not */
function callerOf(result: AuthResult, rest: () => unknown): Caller {
  const { data } = result;
  const id = result.callerId ?? (typeof data?.sub === 'string' ? data.sub : digest(data ?? rest()));
  const authInfo: AuthInfo = {
    token: result.token ?? '',
    clientId: result.clientId ?? id,
    scopes: result.scopes ?? [],
    extra: data ?? {},
  };
  if (result.expiresAt !== undefined) authInfo.expiresAt = result.expiresAt;
  return { id, authInfo };
}

/**
 * Where a provider says only that the credential is good, the credential is all that tells callers apart. It is in the
 * header that the provider names; else in those that are usual, and which of them it was cannot be told. Undefined when
 * it must be in another.
 */
function credential({ credentialScheme }: AuthProvider, { headers }: IncomingMessage): unknown {
  const named = credentialScheme?.headerName.toLowerCase();
  // Alone: a load balancer's cookie changes while the session goes on, and its caller must stay the same.
  if (named !== undefined && headers[named]) return [named, headers[named]];
  const values = ['authorization', 'x-api-key', 'cookie'].map((name) => headers[name]);
  return values.some((value) => value !== undefined) ? values : undefined;
}

/** Better than one identity for all: then everybody could use everybody's sessions. */
function addressAlone(provider: AuthProvider, address: string, log: Log): unknown {
  if (!warnedAbout.has(provider)) {
    warnedAbout.add(provider);
    log.warn(
      'only addresses tell callers apart: return a `callerId`, or name the header in `credentialScheme`',
    );
  }
  return [address];
}

/** The same on every machine, so that a session is found to be its caller's on each of them. */
function digest(value: unknown): string {
  return hash('sha256', JSON.stringify(value), 'base64url').slice(0, 16);
}
