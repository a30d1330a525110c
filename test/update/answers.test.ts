import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { compileProject } from '../../scripts/compile-project.js';
import type { Answers } from '../../src/answers/index.ts';
import { project } from './support/project.ts';

const folder = join(import.meta.dirname, '../../.rendered/update');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const auths = ['apikey', 'jwt', 'custom', 'none'] as const;
const changes: [Partial<Answers>, Partial<Answers>][] = [
  ...auths.flatMap((from) =>
    auths
      .filter((to) => to !== from)
      .map((to) => [{ auth: from }, { auth: to }] as [Partial<Answers>, Partial<Answers>]),
  ),
  [{}, { relay: 'redis' }],
  [{ relay: 'redis' }, { relay: 'none' }],
  [{}, { streamableHttp: false }],
  [{ streamableHttp: false }, { streamableHttp: true }],
  [
    {},
    { endpoint: '/events', messageEndpoint: '/inbox', port: 9000, maxMessageSize: '1mb', host: 'localhost' },
  ],
  [{}, { packageManager: 'pnpm' }],
];

const tool = `import type { McpServer } from '@modelcontextprotocol/server';

export function registerMine(server: McpServer): void {
  server.registerTool('mine', {}, () => ({ content: [] }));
}
`;

test.each(changes)(
  'a project with %j and a tool of its own compiles after an update to %j',
  async (from, to) => {
    const { update, directory, git, read } = await project({
      answers: from,
      owner: (files) => {
        files['src/tools/mine.ts'] = tool;
        files['src/mcp-server.ts'] = (files['src/mcp-server.ts'] ?? '')
          .replace(/^(import \{ registerEcho .*)$/m, "$1\nimport { registerMine } from './tools/mine.ts';")
          .replace('  registerEcho(server);', '  registerEcho(server);\n  registerMine(server);');
      },
    });
    const { actions, notApplied } = await update(to);
    expect(Object.values(actions)).not.toContain('conflict');
    expect(notApplied).toEqual([]);
    expect(read('src/mcp-server.ts')).toContain('registerMine(server)');
    const there = git('ls-files', '-z', '--cached', '--others', '--exclude-standard')
      .split('\0')
      .filter(Boolean);
    const deleted = git('ls-files', '-z', '--deleted').split('\0');
    const files = there.filter((path) => !deleted.includes(path));
    compileProject(folder, new Map(files.map((path) => [path, { content: Buffer.from(read(path)) }])));
    expect(execFileSync('git', ['status', '--porcelain'], { cwd: directory }).length).toBeGreaterThan(0);
  },
);
