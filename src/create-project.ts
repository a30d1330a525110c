import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { completeAnswers, parseGiven } from './answers.js';
import { CreateError } from './errors.js';
import { compareKept, type KeptFiles } from './kept-files.js';
import { type NextSteps, nextSteps, resumeCommands } from './next-steps.js';
import { runningPackageManager } from './package-managers.js';
import type { Answers } from './questions.js';
import { currentShell } from './quote.js';
import { makeSecret, render } from './render.js';
import { createRun, type Run } from './run.js';
import { type StepReport, StepReports } from './step-reports.js';
import { build, git, install, isInsideRepository, requirePackageManager, verify } from './steps.js';
import { countFiles, type Plan, type PlannedFile, planTarget } from './target.js';
import { templatesFolder } from './version.js';
import { type Written, writeProject } from './write.js';

export interface CreateOptions {
  /** Relative directories start here. Default: the current directory. */
  cwd?: string;
  /** Only plan: tell what would be done to each file, and write nothing. Default: false. */
  dryRun?: boolean;
  /** When it aborts, everything is taken back and the call ends with the code `cancelled`. */
  signal?: AbortSignal;
  /** Hears when a step starts and when it has ended. */
  onStep?: (report: StepReport) => void;
  /** Hears each line that package managers and tests print. */
  onLine?: (line: string) => void;
  /** The folder that holds the template layers. Default: those of this package. */
  templates?: string;
  /** Runs package managers and git. Default: as processes. */
  run?: Run;
}

export interface CreatedProject {
  /** Absolute. */
  directory: string;
  name: string;
  answers: Answers;
  files: PlannedFile[];
  steps: StepReport[];
  nextSteps: NextSteps;
}

/**
 * Makes a project: writes its files, installs, builds and proves it, and puts it under version control.
 *
 * @param given answers to any of the questions; the others take their defaults
 * @throws {CreateError} whose `code` says what failed. When writing fails, and when cancelled at any time, the directory
 *   is as it was before. After a failed install, build or verification the project stays.
 */
export async function createProject(
  given: Partial<Answers> = {},
  options: CreateOptions = {},
): Promise<CreatedProject> {
  const { cwd = process.cwd(), templates = templatesFolder, dryRun = false, signal, onLine } = options;
  const run = options.run ?? createRun(signal);
  const shell = currentShell(process.env, process.platform);
  const answers = completeAnswers(parseGiven(given), { cwd, packageManager: runningPackageManager() });
  const { packageManager } = answers;
  const steps = new StepReports(options.onStep);
  let written: Written | undefined;
  let kept: KeptFiles = { notes: [] };

  try {
    if (answers.install && !dryRun) await requirePackageManager({ packageManager, directory: cwd, run });

    const make = async () => {
      const files = await render(answers, { secret: makeSecret(answers.auth), templates });
      const plan = await planTarget(resolve(cwd, answers.directory), files.keys(), answers.existing);
      kept = await compareKept(plan, files);
      if (!dryRun) written = await writeProject(plan, files, signal);
      return plan;
    };
    const plan = await steps.do('render', make, ({ files }) => ({ note: countFiles(files) }));

    const { directory } = plan;
    const context = { directory, packageManager, run, onLine };
    const skip = reasonsToSkip(answers, plan, dryRun);
    await steps.doUnless(skip.install, 'install', () => install(context));
    await steps.doUnless(skip.verify, 'build', () => build(context));
    await steps.doUnless(
      skip.verify,
      'verify',
      () => verify(context),
      (passed) => ({ passed, note: `${passed.length} tests` }),
    );
    await steps.doUnless(
      skip.git,
      'git',
      () => git(context),
      (outcome) => outcome,
    );
    signal?.throwIfAborted();
    await written?.keep();

    const env = dryRun ? undefined : await readFile(join(directory, '.env'), 'utf8').catch(() => undefined);
    const [installed, built] = [steps.isDone('install'), steps.isDone('build')];
    return {
      directory,
      name: answers.name,
      answers,
      files: plan.files,
      steps: steps.ended,
      nextSteps: nextSteps({ answers, directory, cwd, shell, installed, built, env, kept }),
    };
  } catch (error) {
    if (signal?.aborted) {
      await written?.undo();
      throw new CreateError('cancelled', 'cancelled, nothing was written', { cause: error });
    }
    await written?.keep();
    if (error instanceof CreateError && error.output !== undefined) {
      const directory = resolve(cwd, answers.directory);
      const remaining = {
        install: !steps.isDone('install'),
        git: answers.git && !isInsideRepository(directory),
      };
      error.directory = directory;
      error.resume = resumeCommands(answers, directory, cwd, shell, remaining);
    }
    throw error;
  }
}

/** Why a step is left out, for each step that is. */
function reasonsToSkip(
  { install, verify, git }: Answers,
  { files }: Plan,
  dryRun: boolean,
): { install?: string; verify?: string; git?: string } {
  if (dryRun) return { install: 'dry run', verify: 'dry run', git: 'dry run' };
  const packageKept = files.some(({ path, action }) => path === 'package.json' && action === 'keep');
  const noInstall = packageKept ? 'your package.json was kept' : install ? undefined : '--no-install';
  const noVerify = verify ? noInstall && 'nothing is installed' : '--no-verify';
  return {
    ...(noInstall && { install: noInstall }),
    ...(noVerify && { verify: noVerify }),
    ...(!git && { git: '--no-git' }),
  };
}
