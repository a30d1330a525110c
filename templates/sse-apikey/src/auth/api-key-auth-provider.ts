import { hash, randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { AuthProvider, AuthResult } from './auth-provider.js';
import { bearerToken, singleHeader } from './credential-header.js';

export interface APIKeyConfig {
  /** The accepted keys, each `key` or `id:key`, of 16 characters at least. */
  keys: string[];
  /** The header that carries the key. Defaults to `X-API-Key`; `Authorization: Bearer` is accepted too. */
  headerName?: string;
}

/** Characters that a key has at least: 16 random ones of base64url are 96 bits. */
const minKeyLength = 16;

/** Lets in whoever sends one of a list of keys. */
export class APIKeyAuthProvider implements AuthProvider {
  readonly headerName: string;

  /**
   * Keys are known by digest only. The salt is new in each process and never leaves it, so how long a look-up
   * takes tells a caller nothing about the keys: it is as good as a comparison in constant time.
   */
  readonly #salt = randomBytes(32).toString('base64url');
  readonly #callers = new Map<string, AuthResult>();

  /** @throws {Error} when there is no key, one is too short, or two have the same id */
  constructor({ keys, headerName = 'X-API-Key' }: APIKeyConfig) {
    this.headerName = headerName;
    if (keys.length === 0) throw new Error('API_KEY: at least one key is needed; `npm run key` makes one');

    const ids = new Set<string>();
    for (const [index, entry] of keys.entries()) {
      const colon = entry.indexOf(':');
      const key = entry.slice(colon + 1);
      if (key.length < minKeyLength) {
        throw new Error(`API_KEY: key ${index + 1} has fewer than ${minKeyLength} characters`);
      }
      // A bare key is named after its digest, so that it has the same name after a restart.
      const id = colon > 0 ? entry.slice(0, colon) : `key-${hash('sha256', key).slice(0, 8)}`;
      if (ids.has(id)) throw new Error(`API_KEY: two keys have the id ${id}`);
      ids.add(id);
      this.#callers.set(this.#digest(key), { callerId: id, data: { sub: id } });
    }
  }

  async authenticate(req: IncomingMessage): Promise<AuthResult | false> {
    const key = singleHeader(req, this.headerName) ?? bearerToken(singleHeader(req, 'Authorization'));
    return (key !== undefined && this.#callers.get(this.#digest(key))) || false;
  }

  /** Not `Bearer`: to many clients that is an invitation to start OAuth. */
  challenge(): string {
    return `ApiKey realm="mcp", header="${this.headerName}"`;
  }

  #digest(key: string): string {
    return hash('sha256', this.#salt + key, 'base64url');
  }
}
