import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { AuthInfo } from '@modelcontextprotocol/server';
import type { Log } from '../monitoring/log.js';
import { HttpError } from '../transport/http-error.js';
import type { AuthProvider, AuthResult } from './auth-provider.js';

/** Who a good credential says is calling. */
export interface Caller {
  /** The same for each credential of this caller; never a secret. */
  readonly id: string;
  /** What tools see of the caller, as `ctx.http.authInfo`. */
  readonly authInfo: AuthInfo;
}

/**
 * Asks the provider who is calling.
 *
 * @throws {HttpError} `unauthorized`; `auth_unavailable` when the provider itself failed
 */
export async function authenticate(
  provider: AuthProvider,
  request: IncomingMessage,
  resourceMetadataUrl: () => string,
  log: Log,
): Promise<Caller> {
  let result: boolean | AuthResult;
  try {
    result = await provider.authenticate(request);
  } catch (error) {
    log.error({ err: error }, 'the auth provider failed');
    throw new HttpError('auth_unavailable', 'The credential cannot be checked at the moment', { 'Retry-After': '5' });
  }
  if (!result) throw refusal(provider, request, resourceMetadataUrl());
  return callerOf(result === true ? {} : result);
}

function refusal(provider: AuthProvider, request: IncomingMessage, resourceMetadataUrl: string): HttpError {
  const { status, message, headers } = provider.getAuthError?.() ?? {
    status: 401,
    message: 'A valid credential is required',
  };
  const challenge = provider.challenge?.(request, resourceMetadataUrl) ?? 'Bearer';
  return new HttpError('unauthorized', message, { 'WWW-Authenticate': challenge, ...headers }, status);
}

function callerOf(result: AuthResult): Caller {
  const data = result.data ?? {};
  const id = result.callerId ?? (typeof data.sub === 'string' ? data.sub : digest(data));
  const authInfo: AuthInfo = {
    token: result.token ?? '',
    clientId: result.clientId ?? id,
    scopes: result.scopes ?? [],
    extra: data,
  };
  if (result.expiresAt !== undefined) authInfo.expiresAt = result.expiresAt;
  return { id, authInfo };
}

function digest(data: Record<string, unknown>): string {
  return createHash('sha256').update(JSON.stringify(data)).digest('base64url').slice(0, 16);
}
