import { readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { TestProject } from 'vitest/node';
import { compileProject } from '../../../scripts/compile-project.js';
import { completeAnswers, type Given, parseGiven, render, templatesFolder } from '../../../src/index.ts';
import { type CertificateFiles, makeCertificate } from '../../support/certificate.js';
import { readPage } from '../../support/page.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** The folder of the projects that the tests start. */
    projects: string;
    /** Where the compiler is, for projects that have no dependencies of their own. */
    binaries: string;
    /** What proxies show to clients. */
    certificate: CertificateFiles;
  }
}

const root = resolve(import.meta.dirname, '../../..');

/** The secret in each project's `.env`: its JWT secret, or its one API key. */
export const secret = 'a-secret-that-only-tests-use-0123456789abcdef';

export const authTypes = ['jwt', 'apikey', 'custom', 'none'] as const;
export type Auth = (typeof authTypes)[number];

/** A project and what its owner changed in it, by path: edits of a file, or a file in its place. */
interface Project {
  given: Given;
  changes: Record<string, (source: string) => string | Promise<string>>;
}

const replaceWith = (fixture: string) => () =>
  readFile(join(import.meta.dirname, '../fixtures', fixture), 'utf8');

/** Replaces a text that must be there. */
function edit(from: string | RegExp, to: string) {
  return (source: string): string => {
    const edited = source.replace(from, () => to);
    if (edited === source) throw new Error(`there is nothing like this any more: ${from}`);
    return edited;
  };
}

const projects: Record<string, Project> = {
  'whole-protocol': {
    given: { auth: 'apikey' },
    changes: {
      'src/mcp-server.ts': replaceWith('whole-protocol.ts'),
      // As docs/clients.md tells those who announce changes.
      'src/main.ts': readPage('clients.md').edit('src/main.ts'),
    },
  },
};
projects['with-relay'] = { given: { auth: 'apikey', relay: 'redis' }, changes: {} };
// What the official conformance suite expects of a server.
projects.conformance = {
  given: { auth: 'none' },
  changes: { 'src/mcp-server.ts': replaceWith('conformance.ts') },
};
// As docs/sse-today.md tells those whose last SSE client is gone.
projects['without-sse'] = {
  given: { auth: 'apikey' },
  changes: {
    'src/server.ts': readPage('sse-today.md').edit('src/server.ts'),
    'test/harness.ts': (source) =>
      edit(
        'url: new URL(url as string),',
        "url: new URL('/mcp', url as string),",
      )(source.replaceAll('SSEClientTransport', 'StreamableHTTPClientTransport')),
    'test/server.test.ts': edit(/test\('the stream is refused [\s\S]*?\n\}\);\n\n/, ''),
  },
};

// A tool whose parameter clients send as a header too, for proxies that route by it.
projects['parameter-headers'] = {
  given: { auth: 'apikey' },
  changes: {
    'src/tools/echo.ts': edit('z.string()', "z.string().meta({ 'x-mcp-header': 'Text.1' })"),
  },
};

// A tool that takes long enough for its stream to be cut.
const slowEcho = edit(
  'function echo({ text }: { text: string }): CallToolResult {',
  `async function echo({ text }: { text: string }): Promise<CallToolResult> {
  await new Promise((resolve) => setTimeout(resolve, Number(process.env.SLOW_ECHO_MS)));`,
);
for (const auth of ['jwt', 'apikey', 'none'] as const) {
  projects[`slow-${auth}`] = { given: { auth }, changes: { 'src/tools/echo.ts': slowEcho } };
}

projects['with-relay'] = { given: { auth: 'apikey', relay: 'redis' }, changes: {} };

for (const auth of authTypes) {
  const changes: Project['changes'] =
    auth === 'custom' ? { 'src/auth/custom-auth-provider.ts': replaceWith('custom-auth-provider.ts') } : {};
  projects[auth] = { given: { auth }, changes };
  projects[`${auth}-sse-only`] = { given: { auth, streamableHttp: false }, changes };
}

/** Renders and compiles the projects, once before all tests. */
export default async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const folder = join(root, `.rendered/interop-${process.pid}`);
  await Promise.all(
    Object.entries(projects).map(([name, project]) => makeProject(join(folder, name), project)),
  );
  provide('projects', folder);
  provide('binaries', join(root, 'node_modules/.bin'));

  const certificate = makeCertificate(folder);
  provide('certificate', certificate);
  // Every process started from here on trusts it.
  process.env.NODE_EXTRA_CA_CERTS = certificate.cert;
  return () => rm(folder, { recursive: true, force: true });
}

async function makeProject(directory: string, { given, changes }: Project): Promise<void> {
  const answers = completeAnswers(
    { ...parseGiven(given), directory, name: 'test-server' },
    { cwd: root, packageManager: 'npm' },
  );
  const files = await render(answers, { secret, templates: templatesFolder });
  for (const [path, change] of Object.entries(changes)) {
    const file = files.get(path);
    if (file === undefined) throw new Error(`there is no such file any more: ${path}`);
    file.content = Buffer.from(await change(file.content.toString()));
  }
  compileProject(directory, files);
}
