import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach } from 'vitest';
import { type Auth, directoryOf } from './projects.js';

// A generated server in the process of the test.

const servers: { close(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

/** A module of a compiled project. */
export const dist = (file: string, auth: Auth = 'none') =>
  import(pathToFileURL(join(directoryOf(auth), 'dist', file)).href);

/** @param options.provider makes it a server that asks for credentials */
export async function startHere(
  settings: Record<string, string> = {},
  options: Record<string, unknown> = {},
) {
  const auth = options.provider ? 'custom' : 'none';
  const { loadConfig } = await dist('config.js', auth);
  const { createMcpServer } = await dist('mcp-server.js', auth);
  const { createMetrics } = await dist('monitoring/metrics.js', auth);
  const { createServer } = await dist('server.js', auth);
  const { Environment } = await dist('settings/environment.js', auth);
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
