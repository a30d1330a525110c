// The official SDK's v2 with the SSE transport that was frozen in server-legacy, and Express.
import { McpServer } from '@modelcontextprotocol/server';
import { SSEServerTransport } from '@modelcontextprotocol/server-legacy/sse';
import express from 'express';
import { z } from 'zod';
import { slowly } from '../slowly.js';

const definition = {
  description: 'Returns the text it is given.',
  inputSchema: z.object({ text: z.string().describe('The text to return') }),
};
const transports = {};
const app = express();

app.get('/sse', async (_request, response) => {
  const server = new McpServer({ name: 'echo', version: '1.0.0' });
  server.registerTool(
    'echo',
    definition,
    slowly(({ text }) => ({ content: [{ type: 'text', text }] })),
  );
  const transport = new SSEServerTransport('/messages', response);
  transports[transport.sessionId] = transport;
  response.on('close', () => delete transports[transport.sessionId]);
  await server.connect(transport);
});

app.post('/messages', async (request, response) => {
  const transport = transports[request.query.sessionId];
  if (transport) await transport.handlePostMessage(request, response);
  else response.status(404).send('Session not found');
});

app.listen(Number(process.env.PORT), '127.0.0.1');
