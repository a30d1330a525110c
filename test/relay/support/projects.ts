import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { execa } from 'execa';
import { completeAnswers } from '../../../src/answers.js';
import { render } from '../../../src/render.js';
import { templatesFolder } from '../../../src/version.js';
import { secret } from '../../templates/support/projects.js';

const root = resolve(import.meta.dirname, '../../..');

/** The files of a project as `create-mcp-sse` makes it. */
export function renderProject(relay: 'none' | 'redis') {
  const answers = completeAnswers(
    { auth: 'apikey', relay, directory: 'test-server', name: 'test-server' },
    { cwd: root, packageManager: 'npm' },
  );
  return render(answers, { secret, templates: templatesFolder });
}

/** Renders and compiles a project with the relay, once before all tests. */
export default async function setup(): Promise<() => Promise<void>> {
  const rendered = join(root, `.rendered/relay-${process.pid}`);
  process.env.RENDERED = rendered; // Where `startServer` of the templates' tests looks for projects.
  const directory = join(rendered, 'apikey');
  for (const [path, { content }] of await renderProject('redis')) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), content);
  }
  await execa('tsc', ['-p', 'tsconfig.build.json'], { cwd: directory, preferLocal: true, localDir: root });
  await cp(join(directory, 'dist'), join(directory, 'dist-with-test-tools'), { recursive: true });
  await cp(
    join(root, 'test/templates/support/mcp-server.js'),
    join(directory, 'dist-with-test-tools/mcp-server.js'),
  );
  return () => rm(rendered, { recursive: true, force: true });
}
