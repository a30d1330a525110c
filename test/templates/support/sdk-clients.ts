import { Client, SSEClientTransport, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport as SseV1 } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport as StreamableHttpV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

type AnyClient = Pick<Client, 'callTool' | 'close'>;

/** What connects an unmodified client of each major version, over SSE or over Streamable HTTP with sessions. */
export function sdkClients(
  path: '/sse' | '/mcp',
  headers: Record<string, string>,
): [version: string, connect: (origin: string) => Promise<AnyClient>][] {
  const isSse = path === '/sse';
  const about = { name: 'test', version: '1.0.0' };
  const options = { requestInit: { headers } };
  return [
    [
      'SDK version 2',
      async (origin) => {
        const client = new Client(about, isSse ? {} : { versionNegotiation: { mode: 'legacy' } });
        const Transport = isSse ? SSEClientTransport : StreamableHTTPClientTransport;
        await client.connect(new Transport(new URL(path, origin), options));
        return client;
      },
    ],
    [
      'SDK version 1',
      async (origin) => {
        const client = new ClientV1(about);
        const transport = new (isSse ? SseV1 : StreamableHttpV1)(new URL(path, origin), options);
        await client.connect(transport as Parameters<ClientV1['connect']>[0]);
        return client as unknown as AnyClient;
      },
    ],
  ];
}
