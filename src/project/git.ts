import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { environmentFile } from './environment-file.ts';
import { packageManagers } from './package-managers.ts';
import { commandLine, currentShell } from './quote.ts';
import { remove } from './remove.ts';
import { CommandFailed } from './run.ts';
import type { Step, StepOutcome, Uses } from './step-runner.ts';

/** Message of the first commit. */
export const firstCommit = 'Create the server with create-mcp-sse';

/** Creates a git repository whose first commit holds the project, unless the project is inside a repository already. */
export const git = {
  name: 'git',
  makes: ['.git'],
  skip({ wanted, directory }: Uses<'wanted' | 'directory'>) {
    if (!wanted.git) return '--no-git';
    return isInsideRepository(directory) ? 'inside a repository' : undefined;
  },
  async run({
    directory,
    packageManager,
    paths,
    run,
  }: Uses<'directory' | 'packageManager' | 'paths' | 'run'>): Promise<StepOutcome> {
    const gitRun = (...args: string[]) => run('git', args, { cwd: directory });
    try {
      await gitRun('init', '--quiet');
      // The branch that the project's workflow runs on. `git init` has an option for it only since git 2.28.
      await gitRun('symbolic-ref', 'HEAD', 'refs/heads/main');
    } catch (error) {
      if (!(error instanceof CommandFailed)) throw error;
      await remove(join(directory, '.git'));
      if (error.notFound) return { status: 'skipped', note: 'git is not installed' };
      return {
        status: 'skipped',
        note: reasonOf(error),
        remark: `There is no git repository, because git says: ${reasonOf(error)}. Once that is settled, run git init.`,
      };
    }
    try {
      await gitRun('check-ignore', '--quiet', environmentFile);
    } catch (error) {
      if (!(error instanceof CommandFailed)) throw error;
      // A .gitignore that was kept lacks it. A secret must never be committed, least of all by this command.
      return { note: 'nothing committed: first add .env, which holds the secret, to your .gitignore' };
    }
    const { lockFiles } = packageManagers[packageManager];
    const files = new Set([...paths, ...lockFiles].filter((path) => path !== environmentFile));
    const there = [...files].filter((path) => existsSync(join(directory, path)));
    const commit = ['commit', '--quiet', '--message', firstCommit];
    try {
      // By name: nothing else that is in the directory, and all of it, whatever the user's own git ignores everywhere.
      await gitRun('add', '--force', '--', ...there);
      await gitRun(...commit);
      return {};
    } catch (error) {
      if (!(error instanceof CommandFailed)) throw error;
      // Usually git does not know the user's name yet. The repository exists, and nothing is lost.
      const shell = currentShell(process.env, process.platform);
      const again = `git add --all, then ${commandLine(['git', ...commit], shell)}`;
      return {
        note: `nothing committed: ${reasonOf(error)}`,
        remark: `Nothing is committed yet, because git says: ${reasonOf(error)}. Once that is settled, run: ${again}`,
      };
    }
  },
} satisfies Step;

/** The line in which git says why it failed. */
export function reasonOf({ output, message }: CommandFailed): string {
  const lines = output.split(/\r?\n/).filter((line) => line.trim() !== '');
  const reason = lines.find((line) => /^(?:fatal|error):/.test(line)) ?? lines.at(-1);
  return reason?.replace(/^\w+: /, '') ?? message;
}

export function isInsideRepository(directory: string): boolean {
  if (existsSync(join(directory, '.git'))) return true;
  const parent = dirname(directory);
  return parent !== directory && isInsideRepository(parent);
}
