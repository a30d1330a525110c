import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CreateError } from '../errors.ts';
import { remove } from './remove.ts';
import type { Target } from './target.ts';

/**
 * Makes the folder in which a run prepares its files and keeps those that it replaces. It is on the target's file
 * system, so that moving files copies nothing, and next to the target if possible: a process that is killed then leaves
 * the target itself untouched. For one target its name is always the same, so of two runs at once only one gets it.
 *
 * @throws {CreateError} target_not_writable, if another run has it
 */
export async function makeStaging({ directory, exists }: Target): Promise<string> {
  const name = `.create-mcp-sse-${createHash('sha256').update(directory).digest('hex').slice(0, 8)}`;
  const parent = dirname(directory);
  if (!exists) return claim(join(parent, name));

  const sameFileSystem = statSync(parent).dev === statSync(directory).dev;
  if (!sameFileSystem) return claim(join(directory, name));
  return claim(join(parent, name)).catch((error) => {
    if (error instanceof CreateError) throw error;
    return claim(join(directory, name)); // the parent is not writable
  });
}

async function claim(folder: string): Promise<string> {
  const owner = join(folder, 'process');
  try {
    mkdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    if (isRunning(owner))
      throw refused(`another run is writing to the same directory; if there is none, remove ${folder}`);
    if (existsSync(join(folder, 'old')))
      throw refused(
        `a killed run left the files that it replaced in ${folder}: move back what you need, then remove it`,
      );
    await remove(folder);
    return claim(folder);
  }
  writeFileSync(owner, String(process.pid));
  return folder;
}

/** Whether the process of that file runs. Without the file it has only just begun. */
function isRunning(file: string): boolean {
  try {
    process.kill(Number(readFileSync(file, 'utf8')), 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

function refused(why: string): CreateError {
  return new CreateError('target_not_writable', why, { flag: 'directory' });
}
