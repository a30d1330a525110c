import type { CallToolResult, McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';

const definition = {
  title: 'Echo',
  description: 'Returns the text it is given.',
  inputSchema: z.object({ text: z.string().describe('The text to return') }),
  annotations: { readOnlyHint: true },
};

function echo({ text }: { text: string }): CallToolResult {
  return { content: [{ type: 'text', text }] };
}

export function registerEcho(server: McpServer): void {
  server.registerTool('echo', definition, echo);
}
