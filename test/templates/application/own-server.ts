import { call, openStream, post } from '../support/client.js';
import type { RunningServer } from '../support/server.js';

/** Sends a request of a client and returns the whole answer. */
export type Ask = (
  method: string,
  params?: Record<string, unknown>,
) => Promise<{
  result?: { isError?: boolean; content?: { text: string }[] } & Record<string, unknown>;
  error?: { code: number; message: string };
}>;

const accept = { Accept: 'application/json, text/event-stream' };

/** Two clients of one server: one over SSE, one over Streamable HTTP. */
export async function clientsOf(
  server: RunningServer,
  headers: Record<string, string> = {},
): Promise<{ sse: Ask; http: Ask }> {
  const stream = await openStream(server, { headers });
  let id = 0;
  return {
    async sse(method, params) {
      await stream.post(call(++id, method, params));
      return stream.message(id);
    },
    async http(method, params) {
      const { body } = await post(server, '/mcp', call(++id, method, params), { ...accept, ...headers });
      return JSON.parse(body.replace(/^[^{]*data: /s, '')); // an event, or the JSON alone
    },
  };
}

export const transports = ['sse', 'http'] as const;
