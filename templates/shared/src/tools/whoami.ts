import type { CallToolResult, McpServer, ServerContext } from '@modelcontextprotocol/server';

const definition = {
  title: 'Who am I',
  description: 'Says who the credential of this call belongs to.',
  annotations: { readOnlyHint: true },
};

/** An example of a tool that asks who is calling. `authInfo` is what the auth provider found out. */
function whoami(ctx: ServerContext): CallToolResult {
  const caller = ctx.http?.authInfo;
  if (caller === undefined) return { content: [{ type: 'text', text: 'anonymous' }] };
  const scopes = caller.scopes.length > 0 ? ` (scopes: ${caller.scopes.join(' ')})` : '';
  return { content: [{ type: 'text', text: `${caller.extra?.sub ?? caller.clientId}${scopes}` }] };
}

export function registerWhoami(server: McpServer): void {
  server.registerTool('whoami', definition, whoami);
}
