// MCP Framework with its SSE transport, as its documentation has it. Tools are found in tools/.
import { MCPServer } from 'mcp-framework';

const server = new MCPServer({
  basePath: import.meta.dirname,
  transport: { type: 'sse', options: { port: Number(process.env.PORT) } },
});

await server.start();
