import { mkdir, rm, symlink } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Client, SSEClientTransport, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { compileProject } from '../../scripts/compile-project.js';
import { completeAnswers, render, templatesFolder } from '../../src/index.ts';
import { readPage } from '../support/page.ts';
import { startServer } from './support/server.js';

// A project that follows docs/tracing.md, and what its receiver gets.

interface Span {
  name: string;
  kind: number;
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  status: { code?: number };
  attributes: { key: string; value: { stringValue?: string } }[];
  events: { name: string; attributes: { key: string; value: { stringValue?: string } }[] }[];
}

const mcpServer = `
import { trace } from '@opentelemetry/api';
import { McpServer } from '@modelcontextprotocol/server';
export function createMcpServer(_context: unknown): McpServer {
  const server = new McpServer({ name: 'traced', version: '1.0.0' });
  server.registerTool('works', {}, async () => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    trace.getTracer('test').startActiveSpan('inside', (span) => span.end());
    return { content: [] };
  });
  server.registerTool('fails', {}, () => { throw new Error('no database'); });
  return server;
}`;

const rendered = join(import.meta.dirname, `../../.rendered/tracing-${process.pid}`);
const folder = join(rendered, 'project');
const spans: Span[] = [];
const receiver = createServer(async (request, response) => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const { resourceSpans = [] } = JSON.parse(Buffer.concat(chunks).toString());
  for (const { scopeSpans } of resourceSpans) for (const scope of scopeSpans) spans.push(...scope.spans);
  response.end('{}');
}).listen(0, '127.0.0.1');

beforeAll(async () => {
  const page = readPage('tracing.md');
  const answers = completeAnswers(
    { auth: 'none', directory: folder, name: 'traced' },
    { cwd: folder, packageManager: 'npm' },
  );
  const files = await render(answers, { secret: 'unused', templates: templatesFolder });
  for (const path of ['src/main.ts', 'src/app.ts']) {
    const file = files.get(path) as { content: Buffer };
    file.content = Buffer.from(page.edit(path)(String(file.content)));
  }
  files.set('src/tracing.ts', { content: Buffer.from(page.file('src/tracing.ts')) });
  files.set('src/mcp-server.ts', { content: Buffer.from(mcpServer) });
  // The project finds all its dependencies in this repository but one, which only these tests have.
  await mkdir(join(rendered, 'node_modules'), { recursive: true });
  await symlink(
    join(import.meta.dirname, 'node_modules/@opentelemetry'),
    join(rendered, 'node_modules/@opentelemetry'),
  );
  compileProject(folder, files);
});

afterAll(async () => {
  receiver.close();
  await rm(rendered, { recursive: true, force: true });
});

const attributes = ({ attributes }: Pick<Span, 'attributes'>) =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue]));

test.each(['sse', 'mcp'] as const)(
  'tool calls over %s become spans, below the span of the client',
  async (transport) => {
    const server = await startServer(folder, {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_METRICS_EXPORTER: 'none',
      OTEL_LOGS_EXPORTER: 'none',
    });
    const client = new Client({ name: 'traced', version: '1.0.0' });
    const url = new URL(`/${transport}`, server.origin);
    await client.connect(
      transport === 'sse' ? new SSEClientTransport(url) : new StreamableHTTPClientTransport(url),
    );
    const traceId = transport === 'sse' ? 'a'.repeat(32) : 'c'.repeat(32);
    const parentSpanId = 'b'.repeat(16);
    const _meta = { traceparent: `00-${traceId}-${parentSpanId}-01` };
    for (const name of ['works', 'fails', 'no such tool'])
      await client.callTool({ name, _meta }).catch(() => {}); // There is no such tool.
    await client.callTool({ name: 'works' });
    await client.close();
    await server.stop(); // What was not sent yet is sent now.

    const own = spans.filter((span) => span.traceId === traceId);
    const [works, fails, unknown] = ['tools/call works', 'tools/call fails', 'tools/call'].map((name) =>
      own.find((span) => span.name === name),
    );
    expect(works).toMatchObject({ kind: 2, parentSpanId, status: {} });
    expect(attributes(works as Span)).toMatchObject({
      'mcp.method.name': 'tools/call',
      'gen_ai.operation.name': 'execute_tool',
      'gen_ai.tool.name': 'works',
      'jsonrpc.request.id': expect.any(String),
      ...(transport === 'sse' && { 'mcp.session.id': expect.any(String) }),
    });
    expect(own.find(({ name }) => name === 'inside')).toMatchObject({ parentSpanId: works?.spanId });

    expect(fails).toMatchObject({ parentSpanId, status: { code: 2 } });
    expect(attributes(fails as Span)).toMatchObject({ 'error.type': 'tool_error' });
    expect(attributes(fails?.events[0] as Span['events'][0])).toMatchObject({
      'exception.message': 'no database',
    });
    expect(unknown).toMatchObject({ parentSpanId, status: { code: 2 } });

    const roots = spans.filter(({ name, traceId: id }) => name === 'tools/call works' && id !== traceId);
    expect(roots.at(-1)?.parentSpanId ?? '').toBe('');
  },
  60_000,
);
