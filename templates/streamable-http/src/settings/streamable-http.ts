import type { Environment } from './environment.ts';

/** MCP's newer transport. */
export function streamableHttpSettings(env: Environment) {
  return {
    paths: {
      streamableHttpEndpoint: env.path(
        'STREAMABLE_HTTP_ENDPOINT',
        '/mcp',
        "Path of MCP's newer transport, Streamable HTTP.",
      ),
    },
    streamableHttp: {
      sessions: env.oneOf(
        'STREAMABLE_HTTP_SESSIONS',
        'on',
        ['on', 'off'],
        'Whether clients of 2025 get sessions there, which sampling, elicitation and subscriptions need: `on` or `off`.',
      ),
      sessionIdleSeconds: env.wholeNumber(
        'SESSION_IDLE_SECONDS',
        1800,
        { min: 1, max: 86_400 },
        'Seconds after which such a session ends if its client neither sends anything nor has a stream open.',
      ),
    },
  };
}
