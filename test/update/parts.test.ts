import { describe, expect, test } from 'vitest';
import { register } from '../../src/update/add.ts';
import { addVariables } from '../../src/update/environment-file.ts';
import { mergePackage } from '../../src/update/package-json.ts';
import { changesBetween, compareVersions, recordedVersion } from '../../src/update/versions.ts';
import { rendered } from './support/project.ts';

test('versions are ordered as Semantic Versioning orders them', () => {
  const ordered = [
    '0.0.9',
    '0.1.0-alpha.2',
    '0.1.0-alpha.10',
    '0.1.0-rc.1',
    '0.1.0',
    '0.1.1',
    '0.10.0',
    '1.0.0',
  ];
  const shuffled = [...ordered].sort().reverse();
  expect(shuffled.sort(compareVersions)).toEqual(ordered);
});

test.each([
  undefined,
  'create-mcp-sse',
  'create-mcp-sse@^1.0.0',
  'other@1.0.0',
  'create-mcp-sse@file:/tmp/x',
  'create-mcp-sse@1.0.0 --foo',
])('a record that names %s as its generator is refused', (generator) => {
  expect(() => recordedVersion(generator)).toThrow('must be create-mcp-sse@ and an exact version');
});

test('the changelog says what owners should know of the versions after theirs', () => {
  const changelog = `# Changelog

## [Unreleased]

### Existing projects

- Not yet.

## [0.3.0] - 2027-01-03

### Existing projects

- Three,
  on two lines.

### Fixed

- Something else.

## [0.2.0] - 2027-01-02

### Existing projects

- Two.

## [0.1.0] - 2027-01-01

### Existing projects

- One.
`;
  expect(changesBetween('0.1.0', '0.3.0', changelog)).toEqual(['Three, on two lines.', 'Two.']);
  expect(changesBetween('0.2.0', '0.2.0', changelog)).toEqual([]);
});

describe('package.json', () => {
  const merge = (base: object, ours: object, theirs: object) => {
    const { text, notes } = mergePackage(
      ...([base, ours, theirs].map((one) => JSON.stringify(one)) as Texts),
    );
    return { merged: JSON.parse(text), notes };
  };
  type Texts = [string, string, string];

  test('gets new entries in their order, and loses those that the template dropped', () => {
    const base = { dependencies: { a: '1', c: '1', old: '1' } };
    const { merged, notes } = merge(base, base, { dependencies: { a: '2', b: '1', c: '1' } });
    expect(Object.entries(merged.dependencies)).toEqual([
      ['a', '2'],
      ['b', '1'],
      ['c', '1'],
    ]);
    expect(notes).toEqual([]);
  });

  test('keeps what its owner removed or changed, and says what the template has', () => {
    const base = { scripts: { build: 'tsc', lint: 'old' }, engines: { node: '>=20' } };
    const ours = { scripts: { build: 'my-build' }, engines: { node: '>=20' } };
    const { merged, notes } = merge(base, ours, {
      scripts: { build: 'tsc -p x', lint: 'new' },
      engines: { node: '>=22' },
    });
    expect(merged).toEqual({ scripts: { build: 'my-build' }, engines: { node: '>=22' } });
    expect(notes).toEqual([
      'package.json, scripts.build: yours stays ("my-build"); the template has "tsc -p x"',
      'package.json, scripts.lint: yours stays (removed); the template has "new"',
    ]);
  });

  test('keeps its bytes if nothing is to be done', () => {
    const ours = '{"name":"x",\r\n      "version":"1.0.0"}';
    expect(mergePackage('{"name":"y"}', ours, '{"name":"y"}')).toEqual({ text: ours, notes: [] });
  });
});

test('.env is left alone if nothing new is needed, also without a variable that its owner removed', () => {
  expect(addVariables('PORT=1\n', 'API_KEY=a\n', 'API_KEY=b\n')).toBeUndefined();
  expect(addVariables('export JWT_SECRET = "x"\n', '', 'JWT_SECRET=y\n')).toBeUndefined();
});

describe('a registration in src/mcp-server.ts', () => {
  const importLine = "import { registerNotes } from './tools/notes.ts';";
  const callLine = '  registerNotes(server);';
  const untouched = async () => (await rendered())['src/mcp-server.ts'] ?? '';

  test('is the import among the others in order, and the call before the end', async () => {
    const text = register(await untouched(), importLine, callLine) ?? '';
    expect(text).toMatch(
      /tools\/echo\.ts';\nimport \{ registerNotes \} from '.\/tools\/notes\.ts';\nimport .*whoami/,
    );
    expect(text).toContain('\n  registerNotes(server);\n\n  return server;\n');
  });

  test('keeps line ends of Windows', async () => {
    const windows = (await untouched()).replaceAll('\n', '\r\n');
    expect(register(windows, importLine, callLine)).not.toMatch(/[^\r]\n/);
  });

  test.each([
    [
      'has two ways out',
      (text: string) => text.replace('  return server;', '  return server;\n  return server;'),
    ],
    ['wraps the server', (text: string) => text.replace('  return server;', '  return traced(server);')],
    ['is empty', () => ''],
    ['has it already', (text: string) => `${importLine}\n${text}`],
  ])('is not guessed where the file %s', async (_what, change) => {
    expect(register(change(await untouched()), importLine, callLine)).toBeUndefined();
  });
});
