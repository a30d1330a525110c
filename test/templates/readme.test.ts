import { beforeAll, describe, expect, test } from 'vitest';
import { address, anchorsOf, isElsewhere, linksOf } from '../support/links.ts';
import { combinations, renderProject } from './support/projects.js';

// What the documents of a generated project say of its code is there.

describe.each(combinations)('auth $auth, Streamable HTTP $streamableHttp, relay $relay', (given) => {
  let files: Record<string, string>;
  beforeAll(async () => {
    const rendered = [...(await renderProject(given))];
    files = Object.fromEntries(rendered.map(([path, { content }]) => [path, String(content)]));
  });

  test('every function on the path of a message is in the file that is named with it', () => {
    const steps = functionsOnTheWay(files['README.md'] ?? '');
    expect(steps.length).toBeGreaterThan(15);
    const missing = steps.filter(({ name, file }) => !declares(files[file] ?? '', name));
    expect(missing).toEqual([]);
  });

  test('every file and folder that it names exists', () => {
    const named = [...(files['README.md'] ?? '').matchAll(/`((?:src|test|grafana)\/[\w./-]*)`/g)];
    const paths = named.map(([, path = '']) => path);
    expect(paths.length).toBeGreaterThan(20);
    const missing = paths.filter((path) =>
      path.endsWith('/') ? !Object.keys(files).some((file) => file.startsWith(path)) : !(path in files),
    );
    expect(missing).toEqual([]);
  });

  test.each(['README.md', 'AGENTS.md'])('every link of %s leads somewhere', (document) => {
    for (const link of linksOf(files[document] ?? '')) {
      if (isElsewhere(link)) {
        expect(link).toMatch(address);
        continue;
      }
      const [path = '', anchor] = link.split('#');
      expect(files, link).toHaveProperty([path || document]);
      if (anchor !== undefined) expect(anchorsOf(files[path || document] ?? '')).toContain(anchor);
    }
  });

  test('every folder of src is in the table of where things are', () => {
    const [, section = ''] = (files['README.md'] ?? '').split('### Where things are\n');
    const parts = Object.keys(files).flatMap((file) => /^src\/(?:[\w-]+\/|[\w-]+\.ts)/.exec(file) ?? []);
    const missing = [...new Set(parts)].filter((part) => !section.includes(`\`${part}\``));
    expect(missing).toEqual(['src/about.ts']); // The name and the version, which nobody looks for.
  });
});

/** The functions that "The path of a message" names, each with its file. */
function functionsOnTheWay(readme: string) {
  const section = readme.split('### The path of a message\n')[1]?.split('\n## ')[0] ?? '';
  const steps = [...section.matchAll(/`(\w+)` in `(src\/[\w/.-]+)`/g)];
  return steps.map(([, name = '', file = '']) => ({ name, file }));
}

/** Whether a source has a function or a method of this name. */
function declares(source: string, name: string): boolean {
  return new RegExp(`function ${name}\\(|^ +(async )?${name}\\(.*\\{$|const ${name} = .*=>`, 'm').test(
    source,
  );
}
