import { cp, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { type Auth, directoryOf } from '../support/projects.js';

const root = resolve(import.meta.dirname, '../../..');

/**
 * A copy of a generated project in which somebody has written files of their own.
 *
 * @returns its name, to start it by
 * @throws when it does not compile
 */
export async function makeOwnProject(name: string, from: Auth, files: Record<string, string>): Promise<Auth> {
  const directory = directoryOf(name as Auth);
  await cp(directoryOf(from), directory, { recursive: true });
  for (const [path, text] of Object.entries(files)) await writeFile(join(directory, path), text);
  await execa('tsc', ['-p', 'tsconfig.build.json'], { cwd: directory, preferLocal: true, localDir: root });
  return name as Auth;
}
