import { readdirSync, readFileSync } from 'node:fs';
import { join, posix, relative, sep } from 'node:path';
import { expect, test } from 'vitest';

/** The folders of src, top to bottom. An import points down this list, and to what a folder gives: its index.ts. */
const folders = ['cli', 'update', 'project', 'answers'];

/** Files of src that every folder may import; they import nothing of src themselves. */
const shared = ['errors.ts', 'version.ts'];

/** Files of the templates that hold a fact which the generator and the generated server share. */
const facts = [
  'templates/credentials/src/settings/access.ts',
  'templates/redis-relay/src/settings/largest-relayed.ts',
  'templates/redis-relay/src/settings/relay.ts',
  'templates/shared/src/pages/client-settings.ts',
  'templates/shared/src/settings/environment.ts',
  'templates/shared/src/settings/kinds.ts',
  'templates/shared/src/settings/server.ts',
  'templates/sse-apikey/src/settings/auth.ts',
  'templates/sse-jwt/src/settings/auth.ts',
  'templates/sse-none/src/settings/access.ts',
  'templates/streamable-http/src/settings/streamable-http.ts',
];

const root = join(import.meta.dirname, '..');

interface Import {
  from: string;
  to: string;
}

function importsOf(from: string, source: string): Import[] {
  const specifiers = [...source.matchAll(/(?:\bfrom|\bimport\(?)\s*'(\.[^']*)'/g)].map(([, to = '']) => to);
  return specifiers.map((to) => ({ from, to: posix.join(posix.dirname(from), to) }));
}

/** Why an import is not allowed; undefined if it is. */
function problemOf({ from, to }: Import): string | undefined {
  const [, fromFolder = '', fromFile] = from.split('/');
  const [top, toFolder = '', toFile] = to.split('/');
  if (!to.endsWith('.ts')) return 'does not end in .ts';
  if (top === 'templates') return facts.includes(to) ? undefined : 'is not a fact that both halves share';
  if (shared.includes(fromFolder)) return 'is imported by a file that imports nothing';
  if (shared.includes(toFolder)) return undefined;
  if (fromFile !== undefined && fromFolder === toFolder) return undefined;
  if (fromFile !== undefined && folders.indexOf(toFolder) <= folders.indexOf(fromFolder)) return 'points up';
  return toFile === 'index.ts' ? undefined : 'is private to its folder';
}

test('the imports of src point down, and only to what a folder gives', () => {
  const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) =>
      relative(root, join(root, 'src', file))
        .split(sep)
        .join('/'),
    );
  const imports = files.flatMap((file) => importsOf(file, readFileSync(join(root, file), 'utf8')));
  expect(imports.length).toBeGreaterThan(50);
  const problems = imports.flatMap((one) => {
    const problem = problemOf(one);
    return problem === undefined ? [] : [`${one.from}: ${one.to} ${problem}`];
  });
  expect(problems).toEqual([]);
});

test.each([
  ['src/answers/rules.ts', '../project/index.ts', 'points up'],
  ['src/project/run.ts', '../cli/index.ts', 'points up'],
  ['src/cli/report.ts', '../project/quote.ts', 'is private to its folder'],
  ['src/index.ts', './project/plan.ts', 'is private to its folder'],
  ['src/errors.ts', './answers/index.ts', 'is imported by a file that imports nothing'],
  ['src/cli/report.ts', './prompts.js', 'does not end in .ts'],
  ['src/project/render.ts', '../../templates/shared/src/about.ts', 'is not a fact that both halves share'],
])('in %s an import of %s %s', (from, specifier, problem) => {
  const [one] = importsOf(from, `import { x } from '${specifier}';`);
  expect(one && problemOf(one)).toBe(problem);
});
