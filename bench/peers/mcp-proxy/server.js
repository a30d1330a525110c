// A server on standard input and output, which is what mcp-proxy makes reachable over SSE.
import { McpServer } from '@modelcontextprotocol/server';
import { StdioServerTransport } from '@modelcontextprotocol/server/stdio';
import { z } from 'zod';
import { slowly } from '../slowly.js';

const server = new McpServer({ name: 'echo', version: '1.0.0' });
server.registerTool(
  'echo',
  {
    description: 'Returns the text it is given.',
    inputSchema: z.object({ text: z.string().describe('The text to return') }),
  },
  slowly(({ text }) => ({ content: [{ type: 'text', text }] })),
);
await server.connect(new StdioServerTransport());
