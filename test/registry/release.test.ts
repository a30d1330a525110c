import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, inject, test } from 'vitest';
import { temporaryDirectory } from '../fixtures/temporary.ts';
import { managers } from './support/managers.ts';
import { person } from './support/person.ts';
import { repository } from './support/release.ts';

// The package as the release workflow publishes it, and as people find it.

const { version, notes, output } = inject('release');

/** The released package, unpacked. */
async function unpacked() {
  const { cwd, types } = person(managers['npm 11']);
  const { stdout, all } = await types(`npm pack --silent create-mcp-sse@${version}`);
  expect(all).toContain('.tgz');
  const folder = temporaryDirectory();
  execFileSync('tar', ['-xzf', join(cwd, stdout.trim()), '-C', folder]);
  return join(folder, 'package');
}

test('npm shows what the package is, and where its source, its home and its issues are', async () => {
  const { types } = person(managers['npm 11']);
  const { stdout } = await types('npm view --json create-mcp-sse');
  expect(JSON.parse(stdout)).toMatchObject({
    version,
    'dist-tags': { latest: version },
    description: expect.stringContaining('MCP server over SSE and Streamable HTTP'),
    keywords: expect.arrayContaining(['mcp', 'model-context-protocol', 'sse', 'streamable-http']),
    license: 'MIT',
    repository: { type: 'git', url: `git+${repository}.git` },
    homepage: `${repository}#readme`,
    bugs: { url: `${repository}/issues` },
    engines: { node: '>=20.12' },
  });
  expect(JSON.parse(stdout).dependencies).toBeUndefined();
});

test('npm publishes package.json as it is, with nothing to correct', () => {
  expect(output).toContain(`+ create-mcp-sse@${version}`);
  expect(output).not.toContain('npm warn publish');
});

test('the notes of the release are the changelog’s, under no heading of their own', () => {
  expect(notes).toMatch(/^### /);
  expect(notes).not.toMatch(/^## /m);
});

test('every link and picture of the README on npm leads to a file of the tag, which the package has too', async () => {
  const folder = await unpacked();
  const readme = readFileSync(join(folder, 'README.md'), 'utf8');
  const links = [...readme.matchAll(/(!?)\[[^[\]]*\]\(([^)\s]+)\)/g)].map(([, picture, link = '']) => ({
    kind: picture ? 'raw' : 'blob',
    link,
  }));
  expect(links.filter(({ link }) => !/^(https:\/\/|#)/.test(link))).toEqual([]);
  const own = links.filter(({ link }) => link.startsWith(`${repository}/`));
  expect(own.length).toBeGreaterThan(10);
  for (const { kind, link } of own) {
    const start = `${repository}/${kind}/v${version}/`;
    expect(link.slice(0, start.length)).toBe(start);
    const [path = ''] = link.slice(start.length).split('#');
    expect(readFileSync(join(folder, path)).length, link).toBeGreaterThan(0);
  }
});

test('npx makes a server with the released version, which installs, builds and proves it', async () => {
  const { types, record } = person(managers['npm 11']);
  const { all, exitCode } = await types(`npx --yes create-mcp-sse@${version} my-server --yes`);
  expect(all).toContain('Proved by its own tests');
  expect(exitCode, all).toBe(0);
  expect(record('my-server').generator).toBe(`create-mcp-sse@${version}`);
});
