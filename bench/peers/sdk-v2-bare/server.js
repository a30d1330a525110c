// What the official SDK's v2 costs by itself: its McpServer on the least transport that works, without any check or limit.
// No server of ours that uses this SDK can be cheaper.
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';

const definition = {
  description: 'Returns the text it is given.',
  inputSchema: z.object({ text: z.string().describe('The text to return') }),
};
const transports = new Map();

const server = createServer(async (request, response) => {
  if (request.method === 'GET') {
    const mcpServer = new McpServer({ name: 'echo', version: '1.0.0' });
    mcpServer.registerTool('echo', definition, ({ text }) => ({ content: [{ type: 'text', text }] }));
    const sessionId = randomUUID();
    const send = (event, data) => response.write(`event: ${event}\ndata: ${data}\n\n`);
    const transport = {
      sessionId,
      start: async () => send('endpoint', `/messages?sessionId=${sessionId}`),
      send: async (message) => send('message', JSON.stringify(message)),
      close: async () => response.end(),
    };
    transports.set(sessionId, transport);
    response.once('close', () => {
      transports.delete(sessionId);
      transport.onclose?.();
    });
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    await mcpServer.connect(transport);
    return;
  }
  const transport = transports.get(request.url.slice(request.url.indexOf('=') + 1));
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    response.writeHead(202).end('Accepted');
    transport.onmessage(JSON.parse(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)));
  });
});

server.listen(Number(process.env.PORT), '127.0.0.1');
