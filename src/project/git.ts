import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CommandFailed } from './run.ts';
import type { Step, StepOutcome, Uses } from './step-runner.ts';

/** Message of the first commit. */
export const firstCommit = 'Create the server with create-mcp-sse';

/** Creates a git repository with a first commit, unless the project is inside a repository already. */
export const git = {
  name: 'git',
  skip: ({ wanted }: Uses<'wanted'>) => (wanted.git ? undefined : '--no-git'),
  async run({ directory, run }: Uses<'directory' | 'run'>): Promise<StepOutcome> {
    if (isInsideRepository(directory)) return { status: 'skipped', note: 'inside a repository' };
    const gitRun = (...args: string[]) => run('git', args, { cwd: directory });
    try {
      await gitRun('init', '--quiet');
      // The branch that the project's workflow runs on. `git init` has an option for it only since git 2.28.
      await gitRun('symbolic-ref', 'HEAD', 'refs/heads/main');
    } catch (error) {
      if (!(error instanceof CommandFailed)) throw error;
      return { status: 'skipped', note: error.notFound ? 'git is not installed' : error.message };
    }
    try {
      await gitRun('check-ignore', '--quiet', '.env');
    } catch (error) {
      if (!(error instanceof CommandFailed)) throw error;
      // A .gitignore that was kept lacks it. A secret must never be committed, least of all by this command.
      return { note: 'nothing committed: first add .env, which holds the secret, to your .gitignore' };
    }
    try {
      await gitRun('add', '--all');
      await gitRun('commit', '--quiet', '--message', firstCommit);
      return {};
    } catch (error) {
      if (!(error instanceof CommandFailed)) throw error;
      // Usually git does not know the user's name yet. The repository exists, and nothing is lost.
      return { note: 'nothing committed: run git commit to see why' };
    }
  },
} satisfies Step;

export function isInsideRepository(directory: string): boolean {
  if (existsSync(join(directory, '.git'))) return true;
  const parent = dirname(directory);
  return parent !== directory && isInsideRepository(parent);
}
