import type { Config } from './config.ts';

export type App = Awaited<ReturnType<typeof openApp>>;

/**
 * YOURS: what the tools of all sessions share, such as a database or the client of an API. It is opened once, before
 * the server listens; what this throws stops the start. `createMcpServer` hands it on to tools, resources and prompts.
 */
export async function openApp(_config: Config) {
  return {
    /** Called when the server has stopped, after the last call. It may take SHUTDOWN_SECONDS. */
    async close(): Promise<void> {},
  };
}
