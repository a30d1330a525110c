import { cp, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { compileProject } from '../../../scripts/compile-project.js';
import {
  completeAnswers,
  parseGiven,
  type RenderedFiles,
  render,
  templatesFolder,
} from '../../../src/index.ts';

const root = resolve(import.meta.dirname, '../../..');

export const authTypes = ['jwt', 'apikey', 'custom', 'none'] as const;
export type Auth = (typeof authTypes)[number];

/** The secret in `.env` of each project: its JWT secret, or its one API key, whose id is `default`. */
export const secret = 'a-secret-that-only-tests-use-0123456789abcdef';

/** Where the generated project is that tests run; its dependencies are those of this repository. */
export function directoryOf(auth: Auth): string {
  return join(process.env.RENDERED as string, auth);
}

/** A module of that project, as it was compiled. */
export const importFrom = (auth: Auth, file: string) =>
  import(pathToFileURL(join(directoryOf(auth), 'dist', file)).href);

/** Each combination of answers that decides which layers a project has. */
export const combinations = authTypes.flatMap((auth) =>
  [true, false].flatMap((streamableHttp) =>
    (['none', 'redis'] as const).map((relay) => ({ auth, streamableHttp, relay })),
  ),
);

/** The files of a project as the command makes it. */
export function renderProject(given: Record<string, unknown>): Promise<RenderedFiles> {
  const answers = completeAnswers(parseGiven({ directory: 'test-server', ...given }), {
    cwd: root,
    packageManager: 'npm',
  });
  return render(answers, { secret, templates: templatesFolder });
}

/** Renders and compiles a project where tests look for it, once more with the tools of `mcp-server.js`. */
export async function makeProject(given: Record<string, unknown> & { auth: Auth }): Promise<void> {
  const directory = directoryOf(given.auth);
  compileProject(directory, await renderProject(given));
  await cp(join(directory, 'dist'), join(directory, 'dist-with-test-tools'), { recursive: true });
  await cp(join(import.meta.dirname, 'mcp-server.js'), join(directory, 'dist-with-test-tools/mcp-server.js'));
}

/** Makes the projects, once before all tests, where no other run does. */
export default async function setup(): Promise<() => Promise<void>> {
  const rendered = join(root, `.rendered/test-${process.pid}`);
  process.env.RENDERED = rendered; // The tests' processes inherit it.
  await Promise.all(authTypes.map((auth) => makeProject({ auth })));
  return () => rm(rendered, { recursive: true, force: true });
}
