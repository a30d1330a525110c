import {
  type CallToolResult,
  type McpServer,
  requireScopes,
  type ServerContext,
} from '@modelcontextprotocol/server';

const definition = {
  title: 'Claims',
  description: 'Shows what is known of the caller. Needs the scope `read`.',
  annotations: { readOnlyHint: true },
  // A call is refused before it reaches the tool if its credential lacks one of these.
  scopeChallenge: requireScopes('read'),
};

/** An example of a tool that not every caller may use. */
function claims(ctx: ServerContext): CallToolResult {
  return { content: [{ type: 'text', text: JSON.stringify(ctx.http?.authInfo?.extra ?? {}, null, 2) }] };
}

export function registerClaims(server: McpServer): void {
  server.registerTool('claims', definition, claims);
}
