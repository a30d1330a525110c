import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Answers } from '../answers/index.ts';
import { CreateError, cancelled } from '../errors.ts';
import { isInsideRepository } from './git.ts';
import type { KeptFiles } from './kept-files.ts';
import { nextSteps, resumeCommands } from './next-steps.ts';
import type { MakeOptions, Project } from './plan.ts';
import type { Shell } from './quote.ts';
import type { RenderedFiles } from './render.ts';
import type { Run } from './run.ts';
import { type Step, type StepContext, StepRunner } from './step-runner.ts';
import { requirePackageManager, steps } from './steps.ts';
import { countFiles, environmentFile, type Target } from './target.ts';
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
  const { answers, cwd, rendered, target, run, signal } = planned;
  const { packageManager, name } = answers;
  const { directory, files } = target;
  const packageKept = files.some(({ path, action }) => path === 'package.json' && action === 'keep');
  const context: StepContext = { directory, packageManager, wanted: answers, packageKept, run, onLine };
  const runner = new StepRunner(onStep);
  let transaction: Transaction = { commit: async () => {}, rollback: async () => {} };
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
    for (const step of [write, ...steps]) await runner.run(step, context);
    signal?.throwIfAborted();
  } catch (error) {
    if (signal?.aborted) {
      await transaction.rollback();
      throw cancelled(error);
    }
    await transaction.commit();
    if (error instanceof CreateError && error.output !== undefined) explainResume(error, planned, runner);
    throw error;
  }
  await transaction.commit();

  const env = await readFile(join(directory, environmentFile), 'utf8').catch(() => undefined);
  const state = { installed: runner.isDone('install'), built: runner.isDone('build'), env };
  return {
    directory,
    name,
    answers,
    files,
    steps: runner.ended,
    nextSteps: nextSteps({ ...planned, directory, ...state }),
  };
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
