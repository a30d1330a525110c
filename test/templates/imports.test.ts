import { posix } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { combinations, renderProject } from './support/projects.js';

// Which parts of a generated server may import which: an import points down this list, never up.

const order = [
  ...['main', 'load-env', 'process', 'check-mcp-server', 'lifecycle'],
  ...['mcp-server', 'tools', 'resources', 'prompts', 'app'],
  ...['server', 'dispatcher', 'pages', 'relay', 'sse', 'streamable-http'],
  'relay/relay', // The interface alone: what finds sessions elsewhere is above the endpoints that ask it.
  ...['sessions', 'auth', 'auth/caller', 'http', 'config', 'settings', 'sdk', 'monitoring', 'about'],
];

/** What the owner writes. It knows nothing of the transport, nor the transport of it: `main` brings them together. */
const owned = ['mcp-server', 'tools', 'resources', 'prompts', 'app'];

/** What brings the two together. */
const beginnings = ['main', 'load-env', 'process', 'check-mcp-server', 'lifecycle'];

/** What both may import. */
const neutral = ['about', 'config', 'settings', 'sdk', 'monitoring', 'auth/caller'];

interface Import {
  from: string;
  to: string;
}

function importsOf(from: string, source: string): Import[] {
  const specifiers = [...source.matchAll(/(?:\bfrom|\bimport\(?)\s*'(\.[^']*)'/g)].map(([, to = '']) => to);
  return specifiers.map((to) => ({ from, to: posix.join(posix.dirname(from), to) }));
}

/** The part of the list that a file is: its folder, or the file itself where that is not in one. */
function partOf(file: string): string {
  const path = file.replace(/^src\//, '').replace(/\.ts$/, '');
  return order.includes(path) ? path : (path.split('/')[0] as string);
}

/** Why an import is not allowed; undefined if it is. */
function problemOf({ from, to }: Import): string | undefined {
  const [above, below] = [partOf(from), partOf(to)];
  if (!to.startsWith('src/') || !to.endsWith('.ts')) return 'is not a file of src';
  if (!order.includes(above) || !order.includes(below)) return 'is not in the list';
  if (order.indexOf(below) < order.indexOf(above)) return 'points up';
  if (beginnings.includes(above) || neutral.includes(below)) return undefined;
  return owned.includes(above) === owned.includes(below)
    ? undefined
    : 'ties the transport to what the owner writes';
}

describe.each(combinations)('auth $auth, Streamable HTTP $streamableHttp, relay $relay', (given) => {
  let imports: Import[];
  beforeAll(async () => {
    const files = [...(await renderProject(given))].filter(([path]) => /^src\/.*\.ts$/.test(path));
    imports = files.flatMap(([path, { content }]) => importsOf(path, String(content)));
  });

  test('imports in src point down only', () => {
    expect(imports.length).toBeGreaterThan(50);
    const problems = imports.flatMap((one) => {
      const problem = problemOf(one);
      return problem === undefined ? [] : [`${one.from}: ${one.to} ${problem}`];
    });
    expect(problems).toEqual([]);
  });
});

test.each([
  ['src/auth/identify.ts', '../sse/sse-session.ts', 'points up'],
  ['src/http/refuse.ts', '../sessions/sessions.ts', 'points up'],
  ['src/sse/sse-endpoints.ts', '../relay/forwarding.ts', 'points up'],
  ['src/sessions/sessions.ts', '../relay/relay.ts', 'points up'],
  ['src/streamable-http/streamable-http.ts', '../sse/json-rpc.ts', 'points up'],
  ['src/tools/echo.ts', '../http/send.ts', 'ties the transport to what the owner writes'],
  ['src/sse/sse-endpoints.ts', '../tools/echo.ts', 'points up'],
  ['src/main.ts', './admin.ts', 'is not in the list'],
])('in %s an import of %s %s', (from, specifier, problem) => {
  const [one] = importsOf(from, `import { x } from '${specifier}';`);
  expect(one && problemOf(one)).toBe(problem);
});
