// FastMCP over HTTP, as its README has it; it serves SSE on /sse beside Streamable HTTP on /mcp.
import { FastMCP } from 'fastmcp';
import { z } from 'zod';
import { slowly } from '../slowly.js';

const server = new FastMCP({ name: 'echo', version: '1.0.0' });

server.addTool({
  name: 'echo',
  description: 'Returns the text it is given.',
  parameters: z.object({ text: z.string().describe('The text to return') }),
  execute: slowly(async ({ text }) => text),
});

await server.start({
  transportType: 'httpStream',
  httpStream: { host: '127.0.0.1', port: Number(process.env.PORT) },
});
