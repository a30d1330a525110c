import {
  type CallToolResult,
  type McpServer,
  requireScopes,
  type ServerContext,
} from '@modelcontextprotocol/server';

const definition = {
  title: 'Claims',
  description: 'Shows what the token of this call says. Needs the scope `read`.',
  annotations: { readOnlyHint: true },
  // A call whose token lacks one of these is refused before it gets to the tool.
  scopeChallenge: requireScopes('read'),
};

/** An example of a tool that not every caller may use. */
function claims(ctx: ServerContext): CallToolResult {
  return { content: [{ type: 'text', text: JSON.stringify(ctx.http?.authInfo?.extra ?? {}, null, 2) }] };
}

export function registerClaims(server: McpServer): void {
  server.registerTool('claims', definition, claims);
}
