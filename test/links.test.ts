import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect, test } from 'vitest';
import { address, anchorsOf, isElsewhere, linksOf } from './support/links.ts';

// The links of every document: files and headings exist, and addresses elsewhere are at least addresses.
// test/templates/readme.test.ts does the same for the documents of a generated project.

const root = join(import.meta.dirname, '..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const documents = execFileSync('git', ['ls-files', '*.md'], { cwd: root, encoding: 'utf8' })
  .trim()
  .split('\n');

/** The file that a relative link is about, from the root of the repository. */
const targetOf = (document: string, link: string) =>
  link.startsWith('#')
    ? document
    : relative(root, join(root, dirname(document), link.split('#')[0] as string)).replaceAll('\\', '/');

test.each(documents)('every link of %s leads somewhere', (document) => {
  for (const link of linksOf(read(document))) {
    if (isElsewhere(link)) {
      expect(link).toMatch(address);
      continue;
    }
    const target = targetOf(document, link);
    expect(existsSync(join(root, target)), `${document} links to ${link}`).toBe(true);
    const [, anchor] = link.split('#');
    if (anchor !== undefined)
      expect(anchorsOf(read(target)), `${document} links to ${link}`).toContain(anchor);
  }
});

test('the documents and their links are found', () => {
  expect(documents).toEqual(expect.arrayContaining(['README.md', 'SECURITY.md', 'docs/clients.md']));
  expect(documents.flatMap((document) => linksOf(read(document))).length).toBeGreaterThan(50);
});

test.each([
  ['[a](b.md#c) ![d](e.png)', ['b.md#c', 'e.png']],
  ['[![a](b.svg)](c.md)', ['b.svg', 'c.md']],
  ['see [a]\n\n[a]: b.md\n', ['b.md']],
  ['<a class="x" href="a.md">b</a> <img src="c.png">', ['a.md', 'c.png']],
  ['`[a](b)`\n```\n[a](b)\n```\n', []],
])('the links of %j are %j', (markdown, links) => {
  expect(linksOf(markdown)).toEqual(links);
});

test('headings of the same words have anchors with numbers', () => {
  expect(anchorsOf('# A `b`, c\n## A b c\n```\n# d\n```\n')).toEqual(['a-b-c', 'a-b-c-1']);
});

test('the published package has what the README links to', () => {
  const { files } = JSON.parse(read('package.json'));
  const always = ['README.md', 'LICENSE', 'package.json'];
  const isPublished = (path: string) =>
    [...always, ...files].some((entry: string) => {
      const [start = '', end] = entry.split('*');
      return (
        path === entry ||
        path.startsWith(`${entry}/`) ||
        (end && path.startsWith(start) && path.endsWith(end))
      );
    });
  const linked = linksOf(read('README.md'))
    .filter((link) => !isElsewhere(link))
    .map((link) => targetOf('README.md', link));
  expect(linked.length).toBeGreaterThan(10);
  expect(linked.filter((path) => !isPublished(path))).toEqual([]);
});
