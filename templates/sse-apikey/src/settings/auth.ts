import type { Environment } from './environment.ts';

/** Which keys let a caller in. */
export function authSettings(env: Environment) {
  return {
    keys: env.secret(
      'API_KEY',
      'The keys that let a caller in: one, or several with commas, each `key`, `id:key` or `id:key:scope scope`.',
    ),
    keysFile: env.text(
      'API_KEYS_FILE',
      '',
      'A file with more keys, such as a mounted secret: one on each line; a line that starts with `#` is a comment.',
    ),
    headerName: env.like(
      'AUTH_HEADER',
      'X-API-Key',
      /^[\w-]+$/,
      'the name of a header such as X-API-Key',
      'The header that carries the key.',
    ),
  };
}
