import { cp, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { type Auth, directoryOf } from '../support/projects.js';

const root = resolve(import.meta.dirname, '../../..');

/**
 * A copy of a generated project in which its owner has written or edited files.
 *
 * @param files the text of each, or how it is edited
 * @returns its name, to start it by
 * @throws when it does not compile
 */
export async function makeOwnProject(
  name: string,
  from: Auth,
  files: Record<string, string | ((text: string) => string)>,
): Promise<Auth> {
  const directory = directoryOf(name as Auth);
  await cp(directoryOf(from), directory, { recursive: true });
  for (const [path, change] of Object.entries(files)) {
    const file = join(directory, path);
    await writeFile(file, typeof change === 'string' ? change : change(await readFile(file, 'utf8')));
  }
  await execa('tsc', ['-p', 'tsconfig.build.json'], { cwd: directory, preferLocal: true, localDir: root });
  return name as Auth;
}
