import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Answers } from '../answers/index.ts';
import { CreateError, cancelled } from '../errors.ts';
import { environmentFile } from './environment-file.ts';
import { isInsideRepository } from './git.ts';
import type { KeptFiles } from './kept-files.ts';
import { nextSteps, resumeCommands } from './next-steps.ts';
import type { MakeOptions, Project } from './plan.ts';
import type { Shell } from './quote.ts';
import type { RenderedFiles } from './render.ts';
import type { Run } from './run.ts';
import { type Step, type StepContext, StepRunner } from './step-runner.ts';
import { requirePackageManager, steps } from './steps.ts';
import { countFiles, type Target } from './target.ts';
import { type Transaction, writeProject } from './write.ts';

/** What a plan consists of. */
interface Planned {
  answers: Answers;
  cwd: string;
  rendered: RenderedFiles;
  target: Target;
  kept: KeptFiles;
  shell: Shell;
  run: Run;
  signal: AbortSignal | undefined;
}

/** Does what was planned; see {@link ProjectPlan.make}. */
export async function makeProject(planned: Planned, { onStep, onLine }: MakeOptions = {}): Promise<Project> {
  const { answers, cwd, rendered, target, kept, run, signal } = planned;
  const { packageManager, name } = answers;
  const { directory, files } = target;
  const packageKept = files.some(({ path, action }) => path === 'package.json' && action === 'keep');
  const paths = files.map(({ path, action, existing }) => (action === 'keep' ? (existing ?? path) : path));
  const context: StepContext = {
    directory,
    packageManager,
    wanted: answers,
    packageKept,
    paths,
    run,
    onLine,
  };
  const runner = new StepRunner(onStep);
  let transaction: Transaction | undefined;
  const write: Step = {
    name: 'render',
    skip: () => undefined,
    async run() {
      transaction = await writeProject(target, rendered, signal);
      return { note: countFiles(files) };
    },
  };

  try {
    if (answers.install) await requirePackageManager(context, cwd);
    await runner.run(write, context);
    for (const step of steps) await runner.run(tracked(step, transaction), context);
    signal?.throwIfAborted();
  } catch (error) {
    if (signal?.aborted) throw cancelled(error, await transaction?.rollback());
    await transaction?.commit();
    if (error instanceof CreateError && error.output !== undefined) explainResume(error, planned, runner);
    throw error;
  }
  await transaction?.commit();

  const env = await readFile(join(directory, environmentFile), 'utf8').catch(() => undefined);
  const notes = [...kept.notes, ...runner.ended.flatMap(({ remark }) => remark ?? [])];
  const state = { installed: runner.isDone('install'), built: runner.isDone('build'), env };
  return {
    directory,
    name,
    answers,
    files,
    steps: runner.ended,
    nextSteps: nextSteps({ ...planned, directory, ...state, kept: { ...kept, notes } }),
  };
}

/** A step whose work is undone with the files. */
function tracked(step: Step, transaction: Transaction | undefined): Step {
  const { makes = [] } = step;
  return transaction === undefined
    ? step
    : { ...step, run: (context) => transaction.track(makes, () => step.run(context)) };
}

/** Adds to the error of a failed step where the project is and how to finish it. */
function explainResume(
  error: CreateError,
  { answers, target, cwd, shell }: Planned,
  runner: StepRunner,
): void {
  const { directory } = target;
  const remaining = {
    install: !runner.isDone('install'),
    git: answers.git && !isInsideRepository(directory),
  };
  error.directory = directory;
  error.resume = resumeCommands(answers, directory, cwd, shell, remaining);
}
