import { hash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { AuthInfo } from '@modelcontextprotocol/server';
import type { Exchange } from '../http/exchange.ts';
import type { Log } from '../monitoring/log.ts';
import type { AuthProvider, AuthResult } from './auth-provider.ts';
import type { Caller } from './caller.ts';

/** Makes callers of what a provider returns. */
export function callerOf(provider: AuthProvider, log: Log) {
  let warned = false;

  /** One identity for all would let every client use every session, so the address has to do. */
  function byAddress(address: string): unknown {
    if (!warned) {
      log.warn(
        'only addresses tell callers apart: return a `callerId`, or name the header in `credentialScheme`',
      );
    }
    warned = true;
    return [address];
  }

  return ({ request, address }: Exchange, result: AuthResult): Caller => {
    const { data } = result;
    const id =
      result.callerId ??
      (typeof data?.sub === 'string'
        ? data.sub
        : digest(data ?? credentialOf(provider, request) ?? byAddress(address)));
    const authInfo: AuthInfo = {
      token: result.token ?? '',
      clientId: result.clientId ?? id,
      scopes: result.scopes ?? [],
      extra: data ?? {},
    };
    if (result.expiresAt !== undefined) authInfo.expiresAt = result.expiresAt;
    return { id, authInfo };
  };
}

/**
 * If a provider says only that the credential is good, the credential is all that tells callers apart. It is in the
 * header that the provider names; else in one of the usual ones, and there is no way to tell in which.
 *
 * @returns undefined if it must be elsewhere
 */
function credentialOf({ credentialScheme }: AuthProvider, { headers }: IncomingMessage): unknown {
  const named = credentialScheme?.headerName.toLowerCase();
  // That header alone: a load balancer's cookie changes during a session, and its caller must stay the same.
  if (named !== undefined && headers[named]) return [named, headers[named]];
  const values = ['authorization', 'x-api-key', 'cookie'].map((name) => headers[name]);
  return values.some((value) => value !== undefined) ? values : undefined;
}

/** The same on every machine, so that each of them recognises a session's caller. */
function digest(value: unknown): string {
  return hash('sha256', JSON.stringify(value), 'base64url').slice(0, 16);
}
