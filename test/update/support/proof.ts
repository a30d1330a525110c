import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Answers } from '../../../src/answers/index.ts';
import { createRun, steps } from '../../../src/project/index.ts';
import { project } from './project.ts';

const tool = `import type { McpServer } from '@modelcontextprotocol/server';

export function registerMine(server: McpServer): void {
  server.registerTool('mine', {}, () => ({ content: [] }));
}
`;

/**
 * Makes a project with a tool of its owner's, updates it to other answers, and has it compiled and proved as the command
 * does: its own tests, and a start with its own settings. Its packages are those of this repository.
 */
export async function expectProvedAfterUpdate(from: Partial<Answers>, to: Partial<Answers>): Promise<void> {
  const { update, directory, read } = await project({
    answers: from,
    owner: (files) => {
      files['src/tools/mine.ts'] = tool;
      files['src/mcp-server.ts'] = (files['src/mcp-server.ts'] ?? '')
        .replace(/^(import \{ registerEcho .*)$/m, "$1\nimport { registerMine } from './tools/mine.ts';")
        .replace('  registerEcho(server);', '  registerEcho(server);\n  registerMine(server);');
      // The base has no secret.
      files['.env'] = (files['.env'] ?? '').replace(/^(API_KEY|JWT_SECRET)=.*$/m, `$1=${'k'.repeat(43)}`);
    },
  });
  const { actions, notApplied } = await update(to);
  expect(Object.values(actions)).not.toContain('conflict');
  expect(notApplied).toEqual([]);
  expect(read('src/mcp-server.ts')).toContain('registerMine(server)');

  symlinkSync(join(import.meta.dirname, '../../../node_modules'), join(directory, 'node_modules'));
  const { auth } = JSON.parse(read('create-mcp-sse.json'));
  const run = createRun();
  const [, build, verify] = steps;
  await build.run({ directory, packageManager: 'npm', run });
  const outcome = await verify.run({ directory, packageManager: 'npm', run });
  // Without a provider of its owner's, a server with `custom` lets nobody in.
  expect(outcome.status).toBe(auth === 'custom' ? 'skipped' : undefined);
  expect(outcome.passed?.length).toBeGreaterThan(0);
}
