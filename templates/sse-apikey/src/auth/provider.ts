import type { Environment } from '../env.js';
import { APIKeyAuthProvider } from './api-key-auth-provider.js';

/** The provider of this server, from its settings. */
export function createAuthProvider(env: Environment): APIKeyAuthProvider {
  /** The keys that are accepted: one, or several with commas, each `key` or `id:key`. */
  const inline = env.secret('API_KEY');
  /** A file with more keys, one a line, such as a mounted secret. */
  const file = env.file('API_KEYS_FILE') ?? '';
  /** The header that carries the key. */
  const headerName = env.headerName('AUTH_HEADER', 'X-API-Key');

  const keys = [...inline.split(','), ...file.split('\n')].map((key) => key.trim()).filter((key) => key !== '');
  return env.make(() => new APIKeyAuthProvider({ keys, headerName }));
}
