import type { Environment } from '../env.js';
import { APIKeyAuthProvider } from './api-key-auth-provider.js';

/** The provider of this server, from its settings. */
export function createAuthProvider(env: Environment): APIKeyAuthProvider {
  /** The keys that are accepted: one, or several with commas, each `key` or `id:key`. */
  const inline = env.secret('API_KEY');
  /** A file with more keys, such as a mounted secret: one a line, `#` begins a comment line. */
  const file = env.file('API_KEYS_FILE') ?? '';
  /** The header that carries the key. */
  const headerName = env.headerName('AUTH_HEADER', 'X-API-Key');

  const lines = file.split('\n').filter((line) => !line.startsWith('#'));
  const keys = [...inline.split(','), ...lines].map((key) => key.trim()).filter((key) => key !== '');
  return env.make(() => new APIKeyAuthProvider({ keys, headerName }));
}
