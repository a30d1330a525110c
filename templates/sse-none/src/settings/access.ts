import type { Environment } from './environment.ts';

/** Who may call a server that asks for no credential. */
export function accessSettings(env: Environment) {
  return {
    allowUnauthenticated: env.oneOf(
      'ALLOW_UNAUTHENTICATED',
      'false',
      ['true', 'false'],
      '`true` lets this server, which asks for no credential, listen beyond this machine.',
    ),
    metrics: env.oneOf(
      'METRICS',
      'public',
      ['off', 'public'],
      'Who may read /metrics: nobody (`off`) or everybody (`public`).',
    ),
  };
}
