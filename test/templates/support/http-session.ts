import { call, openEvents, post, send, type Target } from './client.js';

const accept = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' };

export interface HttpClientOptions {
  /** The protocol version that it asks for. */
  version?: string;
  capabilities?: Record<string, unknown>;
  path?: string;
}

export type HttpSession = Awaited<ReturnType<typeof openHttpSession>>;

export function initialize(version = '2025-11-25', capabilities: Record<string, unknown> = {}) {
  const clientInfo = { name: 'test', version: '1.0.0' };
  return call('initialize', 'initialize', { protocolVersion: version, capabilities, clientInfo });
}

/** POSTs a message to Streamable HTTP. */
export function postMcp(
  server: Target,
  message: unknown,
  headers: Record<string, string> = {},
  path = '/mcp',
) {
  return post(server, path, message, { ...accept, ...headers });
}

/** Begins a session over Streamable HTTP, as a client of 2025 does. */
export async function openHttpSession(
  server: Target,
  credentials: Record<string, string>,
  { version = '2025-11-25', capabilities = {}, path = '/mcp' }: HttpClientOptions = {},
) {
  const begun = await postMcp(server, initialize(version, capabilities), credentials, path);
  const id = begun.headers['mcp-session-id'];
  if (typeof id !== 'string') throw new Error(`no session began: ${begun.status} ${begun.body}`);
  const headers = { ...credentials, 'Mcp-Session-Id': id, 'MCP-Protocol-Version': version };

  const session = {
    id,
    headers,
    /** POSTs a message, and takes the whole response. */
    post: (message: unknown, more: Record<string, string> = {}) =>
      postMcp(server, message, { ...headers, ...more }, path),
    /** POSTs a message, and reads the events of the response as they come. */
    events: (message: unknown, more: Record<string, string> = {}) =>
      openEvents(server, {
        method: 'POST',
        path,
        headers: { ...accept, ...headers, ...more },
        body: JSON.stringify(message),
      }),
    /** Opens the stream for what the server sends by itself, or goes on after an event. */
    listen: (lastEventId?: string, more: Record<string, string> = {}) =>
      openEvents(server, {
        path,
        headers: {
          ...headers,
          ...more,
          Accept: 'text/event-stream',
          ...(lastEventId !== undefined && { 'Last-Event-ID': lastEventId }),
        },
      }),
    get: (more: Record<string, string> = {}) =>
      send(server, 'GET', path, { headers: { ...headers, Accept: 'text/event-stream', ...more } }),
    end: (more: Record<string, string> = {}) =>
      send(server, 'DELETE', path, { headers: { ...headers, ...more } }),
  };
  await session.post({ jsonrpc: '2.0', method: 'notifications/initialized' });
  return session;
}

/** The JSON-RPC messages in the events of a whole response. */
export function messagesIn(body: string): Record<string, unknown>[] {
  return body.split('\n').flatMap((line) => (/^data: ./.test(line) ? [JSON.parse(line.slice(6))] : []));
}
