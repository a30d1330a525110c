import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect, test } from 'vitest';

// Every link of the README and the documents: files and headings exist; addresses elsewhere are at least addresses.

const root = join(import.meta.dirname, '..');
const documents = [
  'README.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'bench/NOTES.md',
  'bench/results/README.md',
  ...readdirSync(join(root, 'docs'))
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file}`),
];

/** The text without what is shown as code, where brackets are no links. */
function prose(document: string): string {
  const text = readFileSync(join(root, document), 'utf8');
  return text.replace(/^ *```[\s\S]*?^ *```/gm, '').replace(/<!--[\s\S]*?-->/g, '');
}

function linksOf(document: string): string[] {
  return [...prose(document).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link);
}

/** What GitHub makes of a document's headings. */
function anchorsOf(document: string): string[] {
  return [...prose(document).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(' ', '-'),
  );
}

const isElsewhere = (link: string) => /^[a-z]+:/.test(link);

/** The file that a relative link is about, from the root of the repository. */
const targetOf = (document: string, link: string) =>
  link.startsWith('#')
    ? document
    : relative(root, join(root, dirname(document), link.split('#')[0] as string)).replaceAll('\\', '/');

test.each(documents)('every link of %s leads somewhere', (document) => {
  for (const link of linksOf(document)) {
    if (isElsewhere(link)) {
      expect(link).toMatch(/^https:\/\/[\w.-]+\.[a-z]+(\/\S*)?$/);
      continue;
    }
    const target = targetOf(document, link);
    expect(existsSync(join(root, target)), `${document} links to ${link}`).toBe(true);
    const [, anchor] = link.split('#');
    if (anchor !== undefined) expect(anchorsOf(target), `${document} links to ${link}`).toContain(anchor);
  }
});

test('what the README links to is in the published package', () => {
  const { files } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
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
  const linked = linksOf('README.md')
    .filter((link) => !isElsewhere(link))
    .map((link) => targetOf('README.md', link));
  expect(linked.length).toBeGreaterThan(10);
  expect(linked.filter((path) => !isPublished(path))).toEqual([]);
});
