import { afterEach } from 'vitest';
import { importFrom } from './projects.js';

// A generated server in the process of the test.

const servers: { close(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

/** @param options.provider makes it a server that asks for credentials */
export async function startHere(
  settings: Record<string, string> = {},
  options: Record<string, unknown> = {},
) {
  const auth = options.provider ? 'custom' : 'none';
  const { loadConfig } = await importFrom(auth, 'config.js');
  const { createMcpServer } = await importFrom(auth, 'mcp-server.js');
  const { createMetrics } = await importFrom(auth, 'monitoring/metrics.js');
  const { createServer } = await importFrom(auth, 'server.js');
  const { Environment } = await importFrom(auth, 'settings/environment.js');
  const env = new Environment({ PORT: '0', RESUME_SECONDS: '0', ...settings });
  const config = loadConfig(env);
  env.finish();
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const metrics = createMetrics();
  const server = createServer({ config, createMcpServer, log, metrics, ...options });
  servers.push(server);
  await server.listen();
  return Object.assign(server, { port: Number(new URL(server.url()).port) });
}
