import {
  InMemoryTransport,
  type JSONRPCErrorResponse,
  type JSONRPCMessage,
  type McpServer,
  METHOD_NOT_FOUND,
} from '@modelcontextprotocol/server';
import { inTime, StartError } from './lifecycle.ts';

/** Seconds that the lists may take. */
const secondsToList = 10;

/**
 * Makes one MCP server and lists what it offers, as every client does: what fails here would fail for all of them.
 *
 * @param watch what is done to every MCP server before a client gets it
 * @throws {StartError} that names the tool or prompt, if it is one that cannot be listed
 */
export async function checkMcpServer(
  create: () => McpServer,
  watch: (mcpServer: McpServer) => void,
): Promise<void> {
  const mcpServer = attempt(create);
  const [client, transport] = InMemoryTransport.createLinkedPair();
  await mcpServer.connect(transport);
  for (const list of ['tools/list', 'prompts/list', 'resources/templates/list']) {
    const error = await errorOf(client, list);
    if (error === undefined || error.code === METHOD_NOT_FOUND) continue;
    const what = await whatFails(mcpServer, client, list);
    throw new StartError(`src/mcp-server.ts: ${what}`, error.message);
  }
  watch(mcpServer);
  // A list that asks elsewhere may fail today and work tomorrow. So that is logged, and the server starts.
  for (const list of ['tools/list', 'resources/list']) await errorOf(client, list);
  await mcpServer.close();
}

function attempt(create: () => McpServer): McpServer {
  try {
    return create();
  } catch (error) {
    throw new StartError('src/mcp-server.ts: createMcpServer failed', error);
  }
}

/** Shows one tool or prompt after the other until its list fails. The SDK's own error does not say at which. */
async function whatFails(mcpServer: McpServer, client: InMemoryTransport, list: string): Promise<string> {
  const kinds: Record<string, [kind: string, all: Record<string, { enabled: boolean }>]> = {
    'tools/list': ['tool', mcpServer['_registeredTools']],
    'prompts/list': ['prompt', mcpServer['_registeredPrompts']],
  };
  const [kind, all] = kinds[list] ?? ['', {}];
  const enabled = Object.entries(all).filter(([, { enabled }]) => enabled);
  for (const [, one] of enabled) one.enabled = false;
  for (const [name, one] of enabled) {
    one.enabled = true;
    if (await errorOf(client, list)) return `the ${kind} ${name} cannot be listed`;
    one.enabled = false;
  }
  return `${list} fails`;
}

/** Sends a request; resolves with the error that it was answered with, if there was one. */
async function errorOf(
  client: InMemoryTransport,
  method: string,
): Promise<JSONRPCErrorResponse['error'] | undefined> {
  const answer = new Promise<JSONRPCMessage>((resolve) => {
    client.onmessage = (message) => {
      if (!('method' in message)) resolve(message);
    };
  });
  await client.send({ jsonrpc: '2.0', id: 1, method });
  const message = await inTime(() => answer, secondsToList).catch((error) => {
    throw new StartError(`src/mcp-server.ts: ${method} fails`, error);
  });
  return 'error' in message ? message.error : undefined;
}
