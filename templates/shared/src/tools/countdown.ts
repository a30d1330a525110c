import { setTimeout as wait } from 'node:timers/promises';
import type { CallToolResult, McpServer, ServerContext } from '@modelcontextprotocol/server';
import { z } from 'zod';

const definition = {
  title: 'Countdown',
  description: 'Counts down once a second and reports its progress.',
  inputSchema: z.object({ seconds: z.number().int().min(0).max(3600).describe('Seconds to count down') }),
};

/** An example of a long call: it reports progress when asked to, and stops when it is cancelled. */
async function countdown({ seconds }: { seconds: number }, ctx: ServerContext): Promise<CallToolResult> {
  const { _meta, notify, signal } = ctx.mcpReq;
  const progressToken = _meta?.progressToken;

  for (let progress = 0; progress < seconds; progress++) {
    if (progressToken !== undefined) {
      const params = { progressToken, progress, total: seconds, message: `${seconds - progress} s left` };
      await notify({ method: 'notifications/progress', params });
    }
    // Rejects when the client cancels the call or its session ends, and with that the call is over.
    await wait(1000, undefined, { signal });
  }
  return { content: [{ type: 'text', text: `Counted down ${seconds} s` }] };
}

export function registerCountdown(server: McpServer): void {
  server.registerTool('countdown', definition, countdown);
}
