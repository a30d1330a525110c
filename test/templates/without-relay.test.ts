import { beforeAll, describe, expect, test } from 'vitest';
import { combinations, renderProject } from './support/projects.js';

// In a project without the relay, its interface is all that is there for other processes.

/** What is called so, or said, in code for other processes. */
const words = [
  ...['hasMoved', 'letGo', 'leaveToOthers', 'nodeId', 'keeper', 'opener', 'acknowledge', 'forwarded'],
  ...['takeOver', 'elsewhere', 'another process', 'other processes'],
].map((word) => new RegExp(word, 'i'));

/** Lines where the interface is asked, and a name that only sounds like it. */
const allowed = /relay|maxValuesElsewhere/i;

interface Source {
  path: string;
  text: string;
}

async function sourcesOf(given: Record<string, unknown>): Promise<Source[]> {
  const files = [...(await renderProject(given))].filter(([path]) => /^src\/.*\.ts$/.test(path));
  return files.map(([path, { content }]) => ({ path, text: String(content) }));
}

function linesOf(sources: Source[]): string[] {
  return sources.flatMap(({ path, text }) => text.split('\n').map((line) => `${path}: ${line.trim()}`));
}

describe.each(combinations.filter(({ relay }) => relay === 'none'))(
  'auth $auth, Streamable HTTP $streamableHttp',
  (given) => {
    let sources: Source[];
    beforeAll(async () => {
      sources = await sourcesOf(given);
    });

    test('src/relay is the interface alone', () => {
      const paths = sources.map(({ path }) => path).filter((path) => path.startsWith('src/relay/'));
      expect(paths).toEqual(['src/relay/relay.ts']);
    });

    test('each member of the interface is used', () => {
      const members = membersOfRelay(sources);
      const lines = linesOf(sources.filter(({ path }) => path !== 'src/relay/relay.ts'));
      const isUsed = (name: string) =>
        lines.some((line) => new RegExp(`\\brelay\\b.*\\.${name}\\b`).test(line));
      expect(members.length).toBeGreaterThan(2);
      expect(members.filter((name) => !isUsed(name))).toEqual([]);
    });

    test('src/sessions and src/sse have no code for other processes, except where they ask the interface', () => {
      const lines = linesOf(sources.filter(({ path }) => /^src\/(sessions|sse)\//.test(path)));
      expect(lines.length).toBeGreaterThan(500);
      expect(lines.filter((line) => words.some((word) => word.test(line)) && !allowed.test(line))).toEqual(
        [],
      );
    });

    test('src/server.ts has no code for other processes', () => {
      const lines = linesOf(sources.filter(({ path }) => path === 'src/server.ts'));
      expect(lines.length).toBeGreaterThan(100);
      expect(lines.filter((line) => [/relay/i, ...words].some((word) => word.test(line)))).toEqual([]);
    });
  },
);

test('each of these words is in the code of the relay', async () => {
  const sources = await sourcesOf({ auth: 'apikey', relay: 'redis' });
  const lines = linesOf(sources.filter(({ path }) => path.startsWith('src/relay/')));
  expect(words.filter((word) => !lines.some((line) => word.test(line)))).toEqual([]);
});

function membersOfRelay(sources: Source[]): string[] {
  const { text = '' } = sources.find(({ path }) => path === 'src/relay/relay.ts') ?? {};
  const [, body = ''] = /export interface Relay \{\n(.*?)\n\}/s.exec(text) ?? [];
  return [...body.matchAll(/^ {2}(?:readonly )?(\w+)[(:?]/gm)].map(([, name = '']) => name);
}
