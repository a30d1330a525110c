import { hash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { bearerToken, singleHeader } from '../http/headers.ts';
import type { AuthProvider, AuthResult } from './auth-provider.ts';

interface Introspection {
  active: boolean;
  sub?: string;
  client_id?: string;
  aud?: string | string[];
  scope?: string;
  exp?: number;
}

export interface IntrospectionConfig {
  /** The introspection endpoint. */
  url: string;
  /** The `Authorization` header by which it knows this server, such as `Basic …`. */
  authorization: string;
  /** Whom tokens must be for. Without it a token made for any service of that OAuth server is good here. */
  audience: string;
}

/** Milliseconds that an answer is remembered: so long a withdrawn token works on. */
const rememberMs = 30_000;
/** Answers remembered at most. */
const maxRemembered = 10_000;

/**
 * An example of a provider: asks an OAuth server about each token (RFC 7662). To use it, return
 * `withTimeout(new IntrospectionAuthProvider({ … }), 10_000)` in provider.ts; else delete this file.
 */
export class IntrospectionAuthProvider implements AuthProvider {
  readonly #config: IntrospectionConfig;
  readonly #remembered = new Map<string, { result: AuthResult | false; until: number }>();

  constructor(config: IntrospectionConfig) {
    this.#config = config;
  }

  async authenticate(req: IncomingMessage): Promise<AuthResult | false> {
    const token = bearerToken(singleHeader(req, 'Authorization'));
    if (token === undefined) return false;

    // Remembered by digest, so that a dump of the memory holds no tokens.
    const digest = hash('sha256', token);
    const remembered = this.#remembered.get(digest);
    if (remembered !== undefined && remembered.until > Date.now()) return remembered.result;

    const result = toResult(await this.#introspect(token), token, this.#config.audience);
    if (this.#remembered.size >= maxRemembered) {
      this.#remembered.delete(this.#remembered.keys().next().value as string);
    }
    const expiresAt = (result === false ? undefined : result.expiresAt) ?? Infinity;
    this.#remembered.set(digest, { result, until: Math.min(expiresAt * 1000, Date.now() + rememberMs) });
    return result;
  }

  /** @throws when the OAuth server cannot be reached or answers with an error: the client then gets 503 */
  async #introspect(token: string): Promise<Introspection> {
    const response = await fetch(this.#config.url, {
      method: 'POST',
      headers: { Authorization: this.#config.authorization, Accept: 'application/json' },
      body: new URLSearchParams({ token }),
      signal: AbortSignal.timeout(5000),
    });
    if (!response.ok) throw new Error(`the introspection endpoint answered ${response.status}`);
    return (await response.json()) as Introspection;
  }
}

function toResult(answer: Introspection, token: string, audience: string): AuthResult | false {
  const { active, sub, client_id, aud, scope, exp } = answer;
  const callerId = sub ?? client_id;
  if (!active || callerId === undefined || ![aud].flat().includes(audience)) return false;
  return {
    callerId,
    data: { sub: callerId },
    token,
    scopes: scope?.split(' ') ?? [],
    ...(client_id !== undefined && { clientId: client_id }),
    ...(exp !== undefined && { expiresAt: exp }),
  };
}
