export const kinds = ['tool', 'resource', 'prompt'] as const;

export type Kind = (typeof kinds)[number];

/** The files of a new tool, resource or prompt, in the manner of the examples in a project, and how to register it. */
export interface Example {
  file: string;
  fileText: string;
  test: string;
  testText: string;
  importLine: string;
  callLine: string;
}

export function examples(kind: Kind, name: string): Example {
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .split(/[\s_-]+/)
    .filter((word) => word !== '')
    .map((word) => word.toLowerCase());
  const kebab = words.join('-');
  const pascal = words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
  const camel = pascal.charAt(0).toLowerCase() + pascal.slice(1);
  const title = words.join(' ').replace(/^./, (letter) => letter.toUpperCase());
  const names = { name, kebab, camel, pascal, title };
  return {
    file: `src/${kind}s/${kebab}.ts`,
    fileText: fileTexts[kind](names),
    test: `test/${kebab}.test.ts`,
    testText: testTexts[kind](names),
    importLine: `import { register${pascal} } from './${kind}s/${kebab}.ts';`,
    callLine: `  register${pascal}(server);`,
  };
}

interface Names {
  name: string;
  kebab: string;
  camel: string;
  pascal: string;
  title: string;
}

const fileTexts: Record<Kind, (names: Names) => string> = {
  tool: ({
    name,
    pascal,
    title,
  }) => `import type { CallToolResult, McpServer, ServerContext } from '@modelcontextprotocol/server';
import { z } from 'zod';

// A model chooses the tool by its description: say what it does, what it returns, and when to use it.
const definition = {
  title: '${title}',
  description: 'Returns the query it is given, until you write what ${name} does.',
  inputSchema: z.object({
    query: z.string().min(1).max(1000).describe('What to look for, in a few words'),
  }),
  annotations: { readOnlyHint: true },
};

/** Pass \`ctx.mcpReq.signal\` to all that waits, so that a cancelled call stops. */
async function handle({ query }: { query: string }, ctx: ServerContext): Promise<CallToolResult> {
  ctx.mcpReq.signal.throwIfAborted();
  return { content: [{ type: 'text', text: query }] };
}

export function register${pascal}(server: McpServer): void {
  server.registerTool('${name}', definition, handle);
}
`,
  resource: ({
    name,
    kebab,
    pascal,
    title,
  }) => `import type { McpServer, ReadResourceResult } from '@modelcontextprotocol/server';

const uri = 'app://${kebab}';

const definition = {
  title: '${title}',
  description: 'Says what ${name} is for, until you write what it holds.',
  mimeType: 'text/plain',
};

function read(): ReadResourceResult {
  return { contents: [{ uri, mimeType: 'text/plain', text: '${title}' }] };
}

export function register${pascal}(server: McpServer): void {
  server.registerResource('${name}', uri, definition, read);
}
`,
  prompt: ({
    name,
    pascal,
    title,
  }) => `import type { GetPromptResult, McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';

const definition = {
  title: '${title}',
  description: 'Asks about a topic, until you write what ${name} asks for.',
  argsSchema: z.object({ topic: z.string().min(1).describe('What it is about, in a few words') }),
};

function write({ topic }: { topic: string }): GetPromptResult {
  const text = \`Explain \${topic} in three sentences.\`;
  return { messages: [{ role: 'user', content: { type: 'text', text } }] };
}

export function register${pascal}(server: McpServer): void {
  server.registerPrompt('${name}', definition, write);
}
`,
};

const testHead = `import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectInProcess } from './harness.ts';
`;

const testTexts: Record<Kind, (names: Names) => string> = {
  tool: ({ name }) => `${testHead}
test('${name} answers with the query it is given', async (t) => {
  const client = await connectInProcess(t);
  const result = await client.callTool({ name: '${name}', arguments: { query: 'hello' } });
  assert.deepEqual(result.content, [{ type: 'text', text: 'hello' }]);
});

test('${name} refuses a call without a query', async (t) => {
  const client = await connectInProcess(t);
  const result = await client.callTool({ name: '${name}', arguments: {} });
  assert.equal(result.isError, true);
});
`,
  resource: ({ name, kebab, title }) => `${testHead}
test('${name} can be read', async (t) => {
  const client = await connectInProcess(t);
  const uri = 'app://${kebab}';
  const { contents } = await client.readResource({ uri });
  assert.deepEqual(contents, [{ uri, mimeType: 'text/plain', text: '${title}' }]);
});
`,
  prompt: ({ name }) => `${testHead}
test('${name} asks about its topic', async (t) => {
  const client = await connectInProcess(t);
  const { messages } = await client.getPrompt({ name: '${name}', arguments: { topic: 'tides' } });
  assert.match(JSON.stringify(messages), /tides/);
});
`,
};
