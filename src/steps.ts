import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { badInput, CreateError, type FailureCode } from './errors.js';
import { firstCommit } from './next-steps.js';
import { type PackageManager, packageManagers } from './package-managers.js';
import { CommandFailed, type Run } from './run.js';
import type { StepOutcome } from './step-reports.js';
import { passedTests } from './test-output.js';

/** What steps work with; each takes only the part that it uses. */
interface StepContext {
  directory: string;
  packageManager: PackageManager;
  run: Run;
  onLine?: ((line: string) => void) | undefined;
}

type Uses<Key extends keyof StepContext> = Pick<StepContext, Key>;

/** @throws {CreateError} bad_input, when the package manager is not on this machine */
export async function requirePackageManager({
  packageManager,
  directory,
  run,
}: Uses<'packageManager' | 'directory' | 'run'>) {
  try {
    await run(packageManager, ['--version'], { cwd: directory });
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    const why = error.notFound
      ? 'it is not installed on this machine'
      : `it does not work here (${error.message})`;
    throw badInput(
      '--package-manager',
      packageManager,
      `${why}; install it, choose another, or use --no-install`,
    );
  }
}

/**
 * Installs the project's dependencies.
 *
 * @throws {CreateError} install_failed, with the package manager's output
 */
export async function install({ directory, packageManager, run, onLine }: StepContext) {
  const env = {
    NODE_ENV: 'development', // with "production" the compiler and the tests' client would be left out
    YARN_ENABLE_IMMUTABLE_INSTALLS: 'false', // Yarn in CI would refuse to write the first lock file
    COREPACK_ENABLE_DOWNLOAD_PROMPT: '0',
  };
  await failingAs('install_failed', () =>
    run(packageManager, packageManagers[packageManager].install, { cwd: directory, env, onLine }),
  );
}

/**
 * Compiles the project.
 *
 * @throws {CreateError} build_failed, with the compiler's output
 */
export async function build(context: StepContext) {
  await failingAs('build_failed', () => runScript('build', context));
}

/**
 * Runs the project's own tests, which start the server and talk to it with a real client.
 *
 * @returns the names of the tests that passed, as the test run itself printed them
 * @throws {CreateError} verify_failed, with the output of the tests
 */
export async function verify(context: StepContext): Promise<string[]> {
  return passedTests(await failingAs('verify_failed', () => runScript('test', context)));
}

/** Makes a git repository with a first commit, unless the project is inside a repository already. */
export async function git({ directory, run }: Uses<'directory' | 'run'>): Promise<StepOutcome> {
  if (isInsideRepository(directory)) return { status: 'skipped', note: 'inside a repository' };
  const gitRun = (...args: string[]) => run('git', args, { cwd: directory });
  try {
    await gitRun('init', '--quiet');
    // The branch that the project's workflow runs on. init itself can be told since git 2.28 only.
    await gitRun('symbolic-ref', 'HEAD', 'refs/heads/main');
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    return { status: 'skipped', note: error.notFound ? 'git is not installed' : error.message };
  }
  try {
    await gitRun('check-ignore', '--quiet', '.env');
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    // A .gitignore that was kept lacks it: nothing may be committed, and least of all by us.
    return { note: 'nothing is committed: your .gitignore does not name .env, which has the secret' };
  }
  try {
    await gitRun('add', '--all');
    await gitRun('commit', '--quiet', '--message', firstCommit);
    return {};
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    // Most often git does not know the user's name yet. The repository is there, and nothing is lost.
    return { note: 'the first commit is left to you' };
  }
}

export function isInsideRepository(directory: string): boolean {
  if (existsSync(join(directory, '.git'))) return true;
  const parent = dirname(directory);
  return parent !== directory && isInsideRepository(parent);
}

function runScript(script: string, { directory, packageManager, run, onLine }: StepContext): Promise<string> {
  const args = [...packageManagers[packageManager].run, script];
  return run(packageManager, args, { cwd: directory, onLine });
}

async function failingAs<T>(code: FailureCode, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    throw new CreateError(code, error.message, { output: error.output, cause: error });
  }
}
