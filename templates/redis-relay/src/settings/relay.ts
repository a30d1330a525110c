import type { Environment } from './environment.ts';

/** How this process reaches the others. */
export function relaySettings(env: Environment, name: string) {
  return {
    url:
      env.secret(
        'REDIS_URL',
        'The Redis that processes share, with user and password in the URL; `rediss://` is TLS. Defaults to redis://localhost:6379.',
      ) || 'redis://localhost:6379',
    prefix: env.text(
      'REDIS_PREFIX',
      `${name}:`,
      'Begins the names of channels and keys in Redis. Processes that share sessions need the same.',
    ),
    nodeId: env.like(
      'NODE_ID',
      '',
      /^[\w-]{1,64}$/,
      '1 to 64 letters, digits, _ or -',
      'Names this process in the ids of its sessions: letters, digits, `_` and `-`. Defaults to a new name at each start.',
    ),
  };
}
