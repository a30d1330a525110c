import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { type Answers, type Context, completeAnswers } from '../answers/index.ts';
import { CreateError } from '../errors.ts';
import { createRun, planProject, requirePackageManager } from '../project/index.ts';

export interface CheckContext extends Context {
  signal: AbortSignal;
}

/**
 * What can be known of a single answer, before the others are given.
 *
 * @returns why it cannot be used, in one line; undefined if it can
 */
export async function problemOf(
  { directory, packageManager, install = true }: Partial<Answers>,
  context: CheckContext,
): Promise<CreateError | undefined> {
  try {
    if (directory !== undefined) await requireUsableDirectory(directory, context);
    if (packageManager !== undefined && install) {
      await requirePackageManager({ packageManager, run: createRun(context.signal) }, context.cwd);
    }
    return undefined;
  } catch (error) {
    if (error instanceof CreateError) return error;
    throw error;
  }
}

async function requireUsableDirectory(directory: string, context: CheckContext): Promise<void> {
  // What is in the directory is asked about later.
  const answers = completeAnswers({ directory, existing: 'merge' }, context);
  const plan = await planProject(answers, context);
  const parent = await existingParent(plan.directory);
  await access(parent, constants.W_OK | constants.X_OK).catch((cause) => {
    const message = `cannot write ${resolve(context.cwd, directory)}: no permission for ${parent}`;
    throw new CreateError('target_not_writable', message, { flag: 'directory', cause });
  });
}

async function existingParent(path: string): Promise<string> {
  const exists = await stat(path).then(
    () => true,
    () => false,
  );
  return exists || dirname(path) === path ? path : existingParent(dirname(path));
}
