import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
// @ts-expect-error -- a script without declarations
import { notesOf, withAbsoluteLinks } from '../scripts/prepare-release.js';

const root = join(import.meta.dirname, '..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');
const { version } = JSON.parse(read('package.json'));
const repository = 'https://github.com/someone/something';

test('relative links of a released README lead to its tag, pictures to their bytes, and other links stay', () => {
  const readme =
    '[a](docs/a.md#b) ![c](c.png) [d](#d) [e](https://example.com) [![f](f.png)](https://f.example)';
  expect(withAbsoluteLinks(readme, repository, 'v1.0.0')).toBe(
    `[a](${repository}/blob/v1.0.0/docs/a.md#b) ![c](${repository}/raw/v1.0.0/c.png) [d](#d) ` +
      `[e](https://example.com) [![f](${repository}/raw/v1.0.0/f.png)](https://f.example)`,
  );
});

test('the changelog has notes for the version of package.json', () => {
  expect(notesOf(read('CHANGELOG.md'), version)).toContain('- ');
});

test('a version that the changelog lacks is not released', () => {
  expect(() => notesOf(read('CHANGELOG.md'), '9.9.9')).toThrow('CHANGELOG.md must have a section [9.9.9]');
});

test('a version whose section says nothing to owners of existing projects is not released', () => {
  const section = '## [1.1.0]\n\n### Fixed\n\n- A fault.\n';
  expect(() => notesOf(section, '1.1.0')).toThrow('must say under "### Existing projects"');
  const said = `${section}\n### Existing projects\n\n- Nothing to do.\n`;
  expect(notesOf(said, '1.1.0')).toContain('Nothing to do.');
});

test.each([
  [version, repository],
  ['v9.9.9', repository],
  [`v${version}`, 'git@github.com:someone/something.git'],
])('the tag %s of %s is refused, and nothing is changed', (tag, repository) => {
  const before = [read('package.json'), read('README.md')];
  const script = join(root, 'scripts/prepare-release.js');
  expect(() => execFileSync(process.execPath, [script, tag, repository], { stdio: 'pipe' })).toThrow(
    /must be/,
  );
  expect([read('package.json'), read('README.md')]).toEqual(before);
});
