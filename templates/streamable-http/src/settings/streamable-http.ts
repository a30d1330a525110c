import type { Environment } from './environment.ts';

/** MCP's newer transport. */
export function streamableHttpSettings(env: Environment) {
  return {
    streamableHttpEndpoint: env.path(
      'STREAMABLE_HTTP_ENDPOINT',
      '/mcp',
      "Path of MCP's newer transport, Streamable HTTP.",
    ),
  };
}
