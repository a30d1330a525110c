import { writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { completeAnswers } from '../../src/answers/answers.ts';
import type { Answers } from '../../src/answers/questions.ts';
import { makeSecret, render } from '../../src/project/render.ts';
import { writeTree } from '../fixtures/files.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';

const packages = {
  'shared/package.json': JSON.stringify({
    name: '@create-mcp-sse/shared',
    version: '9.9.9',
    private: true,
    type: 'module',
    engines: { node: '>=20.12' },
    scripts: { dev: 'dev', build: 'build' },
    dependencies: { zod: '4.0.0' },
    devDependencies: { typescript: '7.0.0' },
  }),
  'sse-jwt/package.json': JSON.stringify({
    name: '@create-mcp-sse/sse-jwt',
    scripts: { token: 'token' },
    dependencies: { jose: '6.0.0', '@a/a': '1.0.0' },
  }),
  'credentials/package.json': '{}',
  'sse-none/package.json': '{}',
  'streamable-http/package.json': '{}',
};

/** Renders layers made of these files; returns the text of each. */
async function renderLayers(
  layers: Record<string, string>,
  given: Partial<Answers> = { auth: 'jwt' },
  secret = 's3',
) {
  const templates = temporaryDirectory();
  writeTree(templates, { ...packages, ...layers });
  const answers = completeAnswers(given, { cwd: '/', packageManager: 'npm' });
  const files = await render(answers, { secret, templates });
  return Object.fromEntries([...files].map(([path, { content }]) => [path, content.toString()]));
}

test('only files that end in .hbs are rendered, and lose the ending', async () => {
  const files = await renderLayers({ 'shared/a.txt.hbs': '{{port}}', 'shared/b.txt': '{{port}}' });
  expect(files).toMatchObject({ 'a.txt': '8080', 'b.txt': '{{port}}' });
});

test('a template writes values as they are, and with the json helper as code', async () => {
  const files = await renderLayers(
    { 'shared/a.ts.hbs': '{{endpoint}} {{json endpoint}} {{json protect}}' },
    { auth: 'jwt', endpoint: "/a&'b" },
  );
  expect(files['a.ts']).toBe(`/a&'b "/a&'b" ["sse","messages"]`);
});

test('a template with an unknown name stops the rendering', async () => {
  await expect(renderLayers({ 'shared/a.hbs': '{{prot}}' })).rejects.toThrow('prot');
});

test('a later layer replaces the file of an earlier one, rendered or not', async () => {
  const files = await renderLayers({
    'shared/a.ts.hbs': 'shared',
    'shared/b.ts': 'shared',
    'sse-jwt/a.ts': 'jwt',
    'sse-jwt/b.ts.hbs': '{{auth}}',
    'streamable-http/b.ts': 'last',
  });
  expect(files).toMatchObject({ 'a.ts': 'jwt', 'b.ts': 'last' });
});

test('a project consists only of the layers of its answers', async () => {
  const layers = { 'sse-jwt/jwt.ts': '', 'sse-none/none.ts': '', 'streamable-http/http.ts': '' };
  const files = await renderLayers(layers, { auth: 'none', streamableHttp: false });
  expect(Object.keys(files)).toEqual(['create-mcp-sse.json', 'none.ts', 'package.json']);
});

test('a leading underscore becomes a dot in every part of a path', async () => {
  const files = await renderLayers({ 'shared/_github/_x/a_b.yml': '', 'shared/_gitignore': '' });
  expect(Object.keys(files)).toEqual(expect.arrayContaining(['.github/.x/a_b.yml', '.gitignore']));
});

test('partials are not in the project, and those of later layers win', async () => {
  const files = await renderLayers({
    'shared/README.md.hbs': '{{> auth}}',
    'shared/partials/auth.md.hbs': 'shared',
    'sse-jwt/partials/auth.md.hbs': 'by {{auth}}',
  });
  expect(files['README.md']).toBe('by jwt');
  expect(Object.keys(files).filter((path) => path.includes('partials'))).toEqual([]);
});

test('dependencies and build output of the layers are not in the project', async () => {
  const files = await renderLayers({
    'shared/node_modules/a/index.js': '',
    'shared/dist/a.js': '',
    'shared/tsconfig.layer.json': '',
  });
  expect(Object.keys(files)).toEqual(['create-mcp-sse.json', 'package.json']);
});

test('package.json has the parts of all layers and the project’s name', async () => {
  const { 'package.json': text = '' } = await renderLayers({}, { auth: 'jwt', name: '@me/x' });
  expect(JSON.parse(text)).toEqual({
    name: '@me/x',
    version: '0.1.0',
    private: true,
    type: 'module',
    engines: { node: '>=20.12' },
    scripts: { dev: 'dev', build: 'build', token: 'token' },
    dependencies: { '@a/a': '1.0.0', jose: '6.0.0', zod: '4.0.0' },
    devDependencies: { typescript: '7.0.0' },
  });
  expect(Object.keys(JSON.parse(text).dependencies)).toEqual(['@a/a', 'jose', 'zod']);
});

test('files that are not text are copied byte for byte', async () => {
  const templates = temporaryDirectory();
  writeTree(templates, packages);
  const bytes = Buffer.from([0xff, 0x00, 0xfe, 0x0d, 0x0a]);
  writeFileSync(`${templates}/shared/logo.png`, bytes);
  const answers = completeAnswers({ auth: 'jwt' }, { cwd: '/', packageManager: 'npm' });
  const files = await render(answers, { secret: '', templates });
  expect(files.get('logo.png')?.content.equals(bytes)).toBe(true);
});

test('.env is readable only by its owner', async () => {
  const templates = temporaryDirectory();
  writeTree(templates, { ...packages, 'shared/_env.hbs': 'SECRET={{secret}}', 'shared/a': '' });
  const answers = completeAnswers({ auth: 'jwt' }, { cwd: '/', packageManager: 'npm' });
  const files = await render(answers, { secret: 's', templates });
  expect(files.get('.env')?.mode).toBe(0o600);
  expect(files.get('a')?.mode).toBeUndefined();
});

test.each([
  ['jwt', 48],
  ['apikey', 32],
  ['custom', 0],
  ['none', 0],
] as const)('the secret for auth type %s has %d bytes', (auth, bytes) => {
  expect(Buffer.from(makeSecret(auth), 'base64url')).toHaveLength(bytes);
});

test('a secret is never the same twice', () => {
  expect(makeSecret('jwt')).not.toBe(makeSecret('jwt'));
});

const everyKind = (['jwt', 'apikey', 'custom', 'none'] as const).flatMap((auth) =>
  [true, false].map((streamableHttp) => ({ auth, streamableHttp })),
);

describe.each(everyKind)('the real templates with %j', (given) => {
  const context = { cwd: '/', packageManager: 'npm' } as const;
  const renderReal = (secret: string) =>
    render(completeAnswers({ directory: 'my-server', ...given }, context), { secret });

  test('the same answers give the same bytes', async () => {
    expect(await renderReal('the secret')).toEqual(await renderReal('the secret'));
  });

  test('the secret is in .env and nowhere else', async () => {
    const files = await renderReal('the-only-secret');
    const holders = [...files].filter(([, { content }]) => content.includes('the-only-secret'));
    expect(holders.map(([path]) => path)).toEqual(
      given.auth === 'jwt' || given.auth === 'apikey' ? ['.env'] : [],
    );
  });

  test('no file is left unrendered, and no two differ only in case', async () => {
    const files = await renderReal('s');
    const paths = [...files.keys()];
    expect(paths.filter((path) => path.endsWith('.hbs'))).toEqual([]);
    expect(new Set(paths.map((path) => path.toLowerCase())).size).toBe(paths.length);
  });

  test('every dependency has an exact version', async () => {
    const { dependencies, devDependencies } = JSON.parse(
      (await renderReal('s')).get('package.json')?.content.toString() ?? '',
    );
    const versions = Object.values({ ...dependencies, ...devDependencies });
    expect(versions.length).toBeGreaterThan(0);
    expect(versions.filter((version) => !/^\d+\.\d+\.\d+$/.test(String(version)))).toEqual([]);
  });

  test('every dependency of the server is imported by its sources', async () => {
    const files = await renderReal('s');
    const { dependencies } = JSON.parse(files.get('package.json')?.content.toString() ?? '');
    const sources = [...files].filter(([path]) => path.startsWith('src/'));
    const text = sources.map(([, { content }]) => content.toString()).join('\n');
    const unused = Object.keys(dependencies).filter((name) => !text.includes(`from '${name}`));
    expect(unused).toEqual([]);
  });
});

test('the names that the README tells to remove with SSE exist in the code', async () => {
  const answers = completeAnswers({ directory: 'my-server' }, { cwd: '/', packageManager: 'npm' });
  const files = await render(answers, { secret: 's' });
  const textOf = (path: string) => files.get(path)?.content.toString() ?? '';
  const [, wayOut = ''] = textOf('README.md').split('When no client uses SSE any more, ');
  const [inServer = '', inTest = ''] = wayOut.split('In `test/harness.ts`');
  for (const [text, source] of [
    [inServer, textOf('src/server.ts')],
    // Put in the place of the other one, which is there.
    [inTest.replace('`StreamableHTTPClientTransport`', ''), textOf('test/harness.ts')],
  ] as const) {
    const names = [...text.matchAll(/`(\w+)`/g)].map(([, name]) => name);
    expect(names.length).toBeGreaterThan(1);
    for (const name of names) expect(source).toMatch(new RegExp(`\\b${name}\\b`));
  }
});
