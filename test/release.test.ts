import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
// @ts-expect-error -- a script without declarations
import { notesOf, withRelease } from '../scripts/prepare-release.js';

const root = join(import.meta.dirname, '..');

test('a release fills in its version and the repository that it is made in', () => {
  const packageJson = withRelease(
    { name: 'x', version: '0.1.0' },
    '1.0.0',
    'https://github.com/someone/something',
  );
  expect(packageJson).toEqual({
    name: 'x',
    version: '1.0.0',
    repository: { type: 'git', url: 'git+https://github.com/someone/something.git' },
    homepage: 'https://github.com/someone/something#readme',
    bugs: 'https://github.com/someone/something/issues',
  });
});

test('its notes are the section of the changelog, and a version without one is not released', () => {
  const changelog = readFileSync(join(root, 'CHANGELOG.md'), 'utf8');
  expect(notesOf(changelog, '1.0.0')).toContain('The command `create-mcp-sse`');
  expect(() => notesOf(changelog, '9.9.9')).toThrow('CHANGELOG.md must have a section [9.9.9]');
});

test('a version whose section says nothing to owners of existing projects is not released', () => {
  const section = '## [1.1.0]\n\n### Fixed\n\n- A fault.\n';
  expect(() => notesOf(section, '1.1.0')).toThrow('must say under "### Existing projects"');
  const said = `${section}\n### Existing projects\n\n- Nothing to do.\n`;
  expect(notesOf(said, '1.1.0')).toContain('Nothing to do.');
});

test.each([
  ['1.0.0', 'https://github.com/someone/something'],
  ['v1.0', 'https://github.com/someone/something'],
  ['v1.0.0', 'git@github.com:someone/something.git'],
])('the tag %s of %s is refused, and package.json stays as it is', (tag, repository) => {
  const before = readFileSync(join(root, 'package.json'), 'utf8');
  const script = join(root, 'scripts/prepare-release.js');
  expect(() => execFileSync(process.execPath, [script, tag, repository], { stdio: 'pipe' })).toThrow(
    /must be like/,
  );
  expect(readFileSync(join(root, 'package.json'), 'utf8')).toBe(before);
});
