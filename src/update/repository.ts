import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { recordFile } from '../answers/index.ts';
import { CreateError } from '../errors.ts';
import { CommandFailed, type Run } from '../project/index.ts';

/** What git knows of a project. */
export interface Repository {
  /** The tracked files in the project's directory. */
  tracked: string[];
}

/** Labels of the two sides of a conflict. */
export const ourLabel = 'yours';
export const theirLabel = (version: string) => `create-mcp-sse@${version}`;

/** What git leaves in its folder while it waits for the user. */
const unfinished = {
  MERGE_HEAD: 'merge',
  CHERRY_PICK_HEAD: 'cherry-pick',
  REVERT_HEAD: 'revert',
  'rebase-merge': 'rebase',
  'rebase-apply': 'rebase',
};

/**
 * Finds out what git knows of a project, and that an update could be undone with git.
 *
 * @throws {CreateError} project_not_ready, with what to do first
 */
export async function requireReady(directory: string, run: Run): Promise<Repository> {
  const git = (...args: string[]) => run('git', args, { cwd: directory });
  const lines = async (...args: string[]) => (await git(...args)).split('\0').filter((line) => line !== '');
  await requireGit(git);

  const paths = Object.keys(unfinished).flatMap((name) => ['--git-path', name]);
  const places = (await git('rev-parse', ...paths)).split(/\r?\n/);
  for (const [index, operation] of Object.values(unfinished).entries()) {
    if (existsSync(resolve(directory, places[index] ?? '')))
      throw notReady(`a ${operation} is in progress: finish or abort it first`);
  }

  const tracked = await lines('ls-files', '-z');
  if (!tracked.includes(recordFile))
    throw notReady(`${recordFile} is not committed: commit the project first`);
  const changed = await lines(
    'status',
    '--porcelain',
    '-z',
    '--untracked-files=no',
    '--no-renames',
    '--',
    '.',
  );
  if (changed.length > 0) {
    const [first = ''] = changed.map((line) => line.slice(3));
    throw notReady(
      `${first}${changed.length > 1 ? ` and ${changed.length - 1} more` : ''} has changes that are not ` +
        'committed: commit or stash them first, so that git can undo the update',
    );
  }
  // A lower-case letter: git does not look at the file. S: it is not checked out.
  const hidden = (await lines('ls-files', '-v', '-z')).find((line) => /^[a-zS] /.test(line));
  if (hidden !== undefined) {
    const path = hidden.slice(2);
    throw notReady(
      hidden.startsWith('S')
        ? `${path} is outside the sparse checkout: git sparse-checkout disable, then update`
        : `git does not see changes of ${path}: git update-index --no-assume-unchanged ${path}, then update`,
    );
  }
  const marked = tracked.find((path) => hasMarkers(join(directory, path)));
  if (marked !== undefined)
    throw notReady(`${marked} has the conflict markers of an earlier update: resolve them first`);
  return { tracked };
}

async function requireGit(git: (...args: string[]) => Promise<string>): Promise<void> {
  try {
    const [, major = 0, minor = 0] = (/ (\d+)\.(\d+)/.exec(await git('--version')) ?? []).map(Number);
    if (major < 2 || (major === 2 && minor < 38))
      throw notReady(`git ${major}.${minor} must be git 2.38 or newer`);
    await git('rev-parse', '--verify', '--quiet', 'HEAD');
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    throw notReady(
      error.notFound
        ? 'git is not installed; an update merges with git'
        : 'the project has no commit: run git init, then commit it, so that git can undo the update',
    );
  }
}

const markers = new RegExp(`^<{7} ${ourLabel}\\r?$[^]*^>{7} create-mcp-sse@`, 'm');

function hasMarkers(file: string): boolean {
  if (!/\.(?:[cm]?[jt]s|json|md|ya?ml|conf|example)$|file$|ignore$/.test(file)) return false;
  try {
    return markers.test(readFileSync(file, 'utf8'));
  } catch {
    return false; // a submodule, or a link
  }
}

export function notReady(why: string): CreateError {
  return new CreateError('project_not_ready', why, { flag: 'directory' });
}
