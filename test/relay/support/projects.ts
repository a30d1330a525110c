import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { makeProject } from '../../templates/support/projects.js';

const root = resolve(import.meta.dirname, '../../..');

/** Makes projects with the relay, once before all tests. */
export default async function setup(): Promise<() => Promise<void>> {
  const rendered = join(root, `.rendered/relay-${process.pid}`);
  process.env.RENDERED = rendered; // Where `startServer` of the templates' tests looks for projects.
  await Promise.all((['apikey', 'jwt'] as const).map((auth) => makeProject({ auth, relay: 'redis' })));
  return () => rm(rendered, { recursive: true, force: true });
}
