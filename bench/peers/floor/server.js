// The floor: what HTTP and JSON alone cost in Node.js. No MCP library, no check, no limit.
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';

const streams = new Map();

const server = createServer((request, response) => {
  if (request.method === 'GET') {
    const id = randomUUID();
    streams.set(id, response);
    response.once('close', () => streams.delete(id));
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    response.write(`event: endpoint\ndata: /messages?sessionId=${id}\n\n`);
    return;
  }
  const stream = streams.get(request.url.slice(request.url.indexOf('=') + 1));
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    response.writeHead(202).end('Accepted');
    const { id, method, params } = JSON.parse(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks));
    if (id === undefined) return;
    const result =
      method === 'tools/call' ? { content: [{ type: 'text', text: params.arguments.text }] } : {};
    stream.write(`event: message\ndata: ${JSON.stringify({ jsonrpc: '2.0', id, result })}\n\n`);
  });
});

server.listen(Number(process.env.PORT), '127.0.0.1');
