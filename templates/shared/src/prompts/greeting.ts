import type { GetPromptResult, McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';

const definition = {
  title: 'Greeting',
  description: 'Asks for a greeting of somebody.',
  argsSchema: z.object({ name: z.string().describe('Whom to greet') }),
};

function greeting({ name }: { name: string }): GetPromptResult {
  return {
    messages: [{ role: 'user', content: { type: 'text', text: `Greet ${name} in one friendly sentence.` } }],
  };
}

export function registerGreeting(server: McpServer): void {
  server.registerPrompt('greeting', definition, greeting);
}
