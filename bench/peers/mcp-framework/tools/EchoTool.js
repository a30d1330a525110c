import { MCPTool } from 'mcp-framework';
import { z } from 'zod';
import { slowly } from '../../slowly.js';

export default class EchoTool extends MCPTool {
  name = 'echo';
  description = 'Returns the text it is given.';
  useStringify = false; // The text as it is, not quoted once more.
  schema = z.object({ text: z.string().describe('The text to return') });

  execute = slowly(async ({ text }) => text);
}
