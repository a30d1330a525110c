import type { McpServer, ReadResourceResult } from '@modelcontextprotocol/server';

const uri = 'time://server';

const definition = {
  title: 'Server time',
  description: "The server's clock, in ISO 8601.",
  mimeType: 'text/plain',
};

function readServerTime(): ReadResourceResult {
  return { contents: [{ uri, mimeType: 'text/plain', text: new Date().toISOString() }] };
}

export function registerServerTime(server: McpServer): void {
  server.registerResource('server-time', uri, definition, readServerTime);
}
