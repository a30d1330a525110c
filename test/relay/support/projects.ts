import { cp, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { compileProject } from '../../../scripts/compile-project.js';
import { completeAnswers, render, templatesFolder } from '../../../src/index.ts';
import { type Auth, secret } from '../../templates/support/projects.js';

const root = resolve(import.meta.dirname, '../../..');

/** The files of a project as `create-mcp-sse` makes it. */
export function renderProject(relay: 'none' | 'redis', auth: Auth = 'apikey', port = 8080) {
  const answers = completeAnswers(
    { auth, relay, port, directory: 'test-server', name: 'test-server' },
    { cwd: root, packageManager: 'npm' },
  );
  return render(answers, { secret, templates: templatesFolder });
}

/** Renders and compiles projects with the relay, once before all tests. */
export default async function setup(): Promise<() => Promise<void>> {
  const rendered = join(root, `.rendered/relay-${process.pid}`);
  process.env.RENDERED = rendered; // Where `startServer` of the templates' tests looks for projects.
  await Promise.all([makeProject(rendered, 'apikey'), makeProject(rendered, 'jwt')]);
  return () => rm(rendered, { recursive: true, force: true });
}

async function makeProject(rendered: string, auth: Auth): Promise<void> {
  const directory = join(rendered, auth);
  compileProject(directory, await renderProject('redis', auth));
  await cp(join(directory, 'dist'), join(directory, 'dist-with-test-tools'), { recursive: true });
  await cp(
    join(root, 'test/templates/support/mcp-server.js'),
    join(directory, 'dist-with-test-tools/mcp-server.js'),
  );
}
