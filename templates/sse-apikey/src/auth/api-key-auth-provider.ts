import { hash, randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { bearerToken, singleHeader } from '../http/headers.ts';
import type { AuthProvider, AuthResult, CredentialScheme } from './auth-provider.ts';
import type { RefusalReason } from './refusal-reasons.ts';

export interface APIKeyConfig {
  /** The accepted keys, each `key`, `id:key` or `id:key:scope scope`; a key has 16 characters at least. */
  keys: string[];
  /** The header that carries the key. Defaults to `X-API-Key`; `Authorization: Bearer` is accepted too. */
  headerName?: string;
}

/** Characters that a key has at least: 16 random ones of base64url are 96 bits. */
const minKeyLength = 16;

/** Lets in whoever sends one of a list of keys. */
export class APIKeyAuthProvider implements AuthProvider {
  readonly credentialScheme: CredentialScheme;
  onRefused?: AuthProvider['onRefused'];

  /**
   * Keys are known by digest only. The salt is new in each process and never leaves it, so how long a look-up
   * takes tells a caller nothing about the keys: it is as good as a comparison in constant time.
   */
  readonly #salt = randomBytes(32).toString('base64url');
  #callers: Map<string, AuthResult>;

  /** @throws {Error} if there is no key, one cannot be used, or two are the same; the message quotes none */
  constructor({ keys, headerName = 'X-API-Key' }: APIKeyConfig) {
    this.credentialScheme = {
      headerName,
      // Not `Bearer`: to many clients that is an invitation to start OAuth.
      challenge: () => `ApiKey realm="mcp", header="${headerName}"`,
    };
    this.#callers = this.#callersOf(keys);
  }

  /**
   * Takes other keys in place of those so far.
   *
   * @returns the ids of callers that have a key no longer
   * @throws {Error} as the constructor does; the keys so far then stay
   */
  renewKeys(keys: string[]): string[] {
    const before = [...this.#callers];
    this.#callers = this.#callersOf(keys);
    return before.flatMap(([digest, { callerId }]) => (this.#callers.has(digest) ? [] : (callerId ?? [])));
  }

  #callersOf(keys: string[]): Map<string, AuthResult> {
    if (keys.length === 0) throw new Error('API_KEY must have at least one key; `npm run key` makes one');
    const callers = new Map<string, AuthResult>();
    const ids = new Set<string>();
    for (const [index, entry] of keys.entries()) {
      const { id, key, scopes } = parseEntry(entry, `API_KEY: key ${index + 1} of ${keys.length}`);
      const digest = this.#digest(key);
      if (ids.has(id)) throw new Error(`API_KEY: two keys have the id ${id}`);
      if (callers.has(digest)) throw new Error(`API_KEY: the key of ${id} is there twice`);
      ids.add(id);
      callers.set(digest, { callerId: id, data: { sub: id }, scopes });
    }
    return callers;
  }

  async authenticate(req: IncomingMessage): Promise<AuthResult | false> {
    const { headerName } = this.credentialScheme;
    // A second credential is never tried when the first is bad: each request is one guess.
    const isThere = req.headers[headerName.toLowerCase()] !== undefined;
    const header = singleHeader(req, isThere ? headerName : 'Authorization');
    const key = bearerToken(header) ?? (isThere ? header : undefined);
    const caller = key === undefined ? undefined : this.#callers.get(this.#digest(key));
    if (caller === undefined) this.onRefused?.(req, this.#reason(req, key));
    return caller ?? false;
  }

  /** Slips of the hand are named: a key pasted with its id, quotes that a shell would have removed. */
  #reason({ headers }: IncomingMessage, key: string | undefined): RefusalReason {
    if (key === undefined) {
      const { authorization, [this.credentialScheme.headerName.toLowerCase()]: own } = headers;
      return authorization === undefined && own === undefined ? 'missing' : 'malformed';
    }
    const isKnown = (text: string) => this.#callers.has(this.#digest(text));
    if (key.includes(':') && key.split(':').some((part) => isKnown(part.trim()))) return 'key_with_id';
    // Around several keys, or around a key with its id, there is one quote at most beside the key itself.
    const quoted = ['"', "'"].flatMap((quote) => [quote + key + quote, quote + key, key + quote]);
    if (quoted.some(isKnown)) return 'key_in_quotes';
    return 'unknown_key';
  }

  #digest(key: string): string {
    return hash('sha256', this.#salt + key, 'base64url');
  }
}

/** @throws {Error} that begins with `which`, when no client could send the key or it is easily guessed */
function parseEntry(entry: string, which: string): { id: string; key: string; scopes: string[] } {
  const parts = entry.split(':').map((part) => part.trim());
  if (parts.length > 3)
    throw new Error(`${which} must be key, id:key or id:key:scope scope; a key has no colon`);
  const [key = '', name, scopes = ''] = parts.length === 1 ? parts : [parts[1], parts[0], parts[2]];
  if (name === '') throw new Error(`${which} has no id before its colon`);
  if (!/^[!-~]*$/.test(key)) throw new Error(`${which} has characters that a header cannot carry`);
  if (key.length < minKeyLength) throw new Error(`${which} has fewer than ${minKeyLength} characters`);
  // A bare key is named after its digest, so that it has the same name after a restart and in another place.
  const id = name ?? `key-${hash('sha256', key).slice(0, 8)}`;
  return { id, key, scopes: scopes.split(/\s+/).filter((scope) => scope !== '') };
}
