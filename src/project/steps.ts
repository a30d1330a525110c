import { badInput, CreateError } from '../errors.ts';
import { git } from './git.ts';
import { install } from './install.ts';
import { runScript, scriptCommand } from './package-managers.ts';
import { CommandFailed, failingAs } from './run.ts';
import { startServer } from './start-server.ts';
import type { Step, StepOutcome, Uses } from './step-runner.ts';
import { reportTests, type TestResult } from './test-report.ts';

/** Compiles the project. @throws {CreateError} build_failed, with the compiler's output */
export const build = {
  name: 'build',
  makes: ['dist'],
  skip: skipUnlessInstalled,
  async run(context: Uses<'directory' | 'packageManager' | 'run' | 'onLine'>) {
    await failingAs('build_failed', () => runScript('build', context));
    return {};
  },
} satisfies Step;

/** The tests that make the proof, each with what is said without it. */
export const proof = [
  { test: 'a client connects and finds the tools', without: 'no client connected' },
  { test: 'a tool call is answered', without: 'no client called a tool' },
] as const;

/**
 * Runs the project's own tests, which call the server with a real client. They replace some of its settings, so the
 * server is also started with its own. What is proved is what the tests report, whatever the exit status is.
 *
 * @throws {CreateError} verify_failed, with the output of the tests or of the server
 */
export const verify = {
  name: 'verify',
  makes: ['dist-test'],
  skip: skipUnlessInstalled,
  async run(context: Uses<'directory' | 'packageManager' | 'run' | 'onLine'>): Promise<StepOutcome> {
    let output = '';
    const results = await reportTests(async (env) => {
      output = await failingAs('verify_failed', () => runScript('test', { ...context, env }));
    });
    const names = (outcome: TestResult['outcome']) =>
      results.filter((result) => result.outcome === outcome).map(({ name }) => name);
    const [passed, failed] = [names('passed'), names('failed')];
    if (failed.length > 0) throw notProved(`these tests failed: ${failed.join(', ')}`, output);
    if (passed.length === 0) throw notProved('no test ran', output);
    await startServer(context);

    const gap = proof.find(({ test }) => !passed.includes(test));
    if (gap === undefined) return { passed, note: `${passed.length} tests` };
    const reason = results.find(({ name }) => name === gap.test)?.reason;
    const why = reason === undefined ? gap.without : `${gap.without} (${reason})`;
    const again = scriptCommand(context.packageManager, 'test');
    const remark = `The server is not proved: ${why}. Once that is settled, run ${again}`;
    return { status: 'skipped', passed, note: gap.without, remark };
  },
} satisfies Step;

function notProved(why: string, output: string): CreateError {
  return new CreateError('verify_failed', `the server is not proved: ${why}`, { output });
}

/** Everything that happens after the files are written, in order. */
export const steps = [install, build, verify, git] as const;

/** The names of what they make in the directory, apart from the repository, of which there is never one before. */
export const stepsMake: readonly string[] = [install, build, verify].flatMap(({ makes }) => makes);

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
