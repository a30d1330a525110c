import { badInput } from '../errors.ts';
import { git } from './git.ts';
import { packageManagers, runScript } from './package-managers.ts';
import { CommandFailed, failingAs } from './run.ts';
import { startServer } from './start-server.ts';
import type { Step, Uses } from './step-runner.ts';
import { passedTests } from './test-output.ts';

/** Installs the dependencies. @throws {CreateError} install_failed, with the package manager's output */
export const install = {
  name: 'install',
  skip({ wanted, packageKept }: Uses<'wanted' | 'packageKept'>) {
    if (packageKept) return 'your package.json was kept';
    return wanted.install ? undefined : '--no-install';
  },
  async run({
    directory,
    packageManager,
    run,
    onLine,
  }: Uses<'directory' | 'packageManager' | 'run' | 'onLine'>) {
    const env = {
      NODE_ENV: 'development', // "production" would omit the compiler and the test client
      YARN_ENABLE_IMMUTABLE_INSTALLS: 'false', // in CI, Yarn would refuse to write the first lock file
      COREPACK_ENABLE_DOWNLOAD_PROMPT: '0',
    };
    await failingAs('install_failed', () =>
      run(packageManager, packageManagers[packageManager].install, { cwd: directory, env, onLine }),
    );
    return {};
  },
} satisfies Step;

/** Compiles the project. @throws {CreateError} build_failed, with the compiler's output */
export const build = {
  name: 'build',
  skip: skipUnlessInstalled,
  async run(context: Uses<'directory' | 'packageManager' | 'run' | 'onLine'>) {
    await failingAs('build_failed', () => runScript('build', context));
    return {};
  },
} satisfies Step;

/**
 * Runs the project's own tests, which call the server with a real client. They replace some of its settings, so the
 * server is also started with its own.
 *
 * @throws {CreateError} verify_failed, with the output of the tests or of the server
 */
export const verify = {
  name: 'verify',
  skip: skipUnlessInstalled,
  async run(context: Uses<'directory' | 'packageManager' | 'run' | 'onLine'>) {
    const passed = passedTests(await failingAs('verify_failed', () => runScript('test', context)));
    await startServer(context);
    return { passed, note: `${passed.length} tests` };
  },
} satisfies Step;

/** Everything that happens after the files are written, in order. */
export const steps = [install, build, verify, git] as const;

/** @throws {CreateError} bad_input, if the package manager does not work on this machine */
export async function requirePackageManager(
  { packageManager, run }: Uses<'packageManager' | 'run'>,
  cwd: string,
): Promise<void> {
  try {
    await run(packageManager, ['--version'], { cwd });
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    const problem = error.notFound
      ? 'is not installed on this machine'
      : `does not work here (${error.message})`;
    const remedy = 'install it, choose another, or use --no-install';
    throw badInput('--package-manager', packageManager, `${problem}; ${remedy}`);
  }
}

function skipUnlessInstalled(context: Uses<'wanted' | 'packageKept'>): string | undefined {
  if (!context.wanted.verify) return '--no-verify';
  return install.skip(context) && 'nothing is installed';
}
