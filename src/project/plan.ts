import { resolve } from 'node:path';
import { type Answers, recordFile, withKept } from '../answers/index.ts';
import { cancelled } from '../errors.ts';
import { templatesFolder } from '../version.ts';
import { environmentFile } from './environment-file.ts';
import { compareKept } from './kept-files.ts';
import { makeProject } from './make.ts';
import { type NextSteps, nextSteps } from './next-steps.ts';
import { currentShell } from './quote.ts';
import { makeSecret, type RenderedFiles, render } from './render.ts';
import { createRun, type Run } from './run.ts';
import type { StepReport } from './step-runner.ts';
import { steps, stepsMake } from './steps.ts';
import { countFiles, type PlannedFile, planTarget, type Target } from './target.ts';
import { currentDirectory } from './usable-path.ts';

export interface PlanOptions {
  /** The directory that relative paths start from. Default: the current one. */
  cwd?: string;
  /** When it aborts, everything is rolled back and the call fails with the code `cancelled`. */
  signal?: AbortSignal;
  /** The folder with the template layers. Default: those of this package. */
  templates?: string;
  /** Runs package managers, the server and git. Default: as processes. */
  run?: Run;
}

export interface MakeOptions {
  /** Called when a step starts and when it has ended. */
  onStep?: (report: StepReport) => void;
  /** Called with each line that package managers, tests and the server print. */
  onLine?: (line: string) => void;
}

export interface Project {
  /** Absolute. */
  directory: string;
  name: string;
  answers: Answers;
  /** What was done to each file. */
  files: PlannedFile[];
  steps: StepReport[];
  nextSteps: NextSteps;
}

/** A project that is rendered but not written: `files` says what would be done, and only the step `render` is done. */
export interface ProjectPlan extends Project {
  /**
   * Writes the files, then installs, builds and proves the project, and puts it under version control.
   *
   * @throws {CreateError} whose `code` says what failed. If writing fails, or the signal aborts at any time, the
   *   directory is as it was before. If the install, the build or the verification fails, the project stays.
   */
  make(options?: MakeOptions): Promise<Project>;
}

/**
 * Renders a project in memory and decides what to do to each file. Nothing is written.
 *
 * @throws {CreateError} target_not_empty or target_not_writable, if the project cannot be written
 */
export async function planProject(answers: Answers, options: PlanOptions = {}): Promise<ProjectPlan> {
  const { cwd = currentDirectory(), templates = templatesFolder, signal, run = createRun(signal) } = options;
  const start = performance.now();
  const rendered = await render(answers, { secret: makeSecret(answers.auth), templates });
  const path = resolve(cwd, answers.directory);
  const target = await planTarget(path, rendered.keys(), answers.existing, answers.install ? stepsMake : []);
  recordKept(rendered, target);
  const kept = await compareKept(target, rendered);
  const shell = currentShell(process.env, process.platform);
  if (signal?.aborted) throw cancelled();

  const { directory, files } = target;
  const milliseconds = Math.round(performance.now() - start);
  const unmade = { installed: false, built: false, env: undefined };
  return {
    directory,
    name: answers.name,
    answers,
    files,
    steps: [
      { name: 'render', status: 'done', milliseconds, note: countFiles(files) },
      ...steps.map(({ name }) => ({ name, status: 'skipped', milliseconds: 0, note: 'dry run' }) as const),
    ],
    nextSteps: nextSteps({ answers, directory, cwd, shell, kept, ...unmade }),
    make: (makeOptions) =>
      makeProject({ answers, cwd, rendered, target, kept, shell, run, signal }, makeOptions),
  };
}

/** Notes in the record which files were kept: they have nothing in common with the template, so no update touches them. */
function recordKept(rendered: RenderedFiles, { files }: Target): void {
  const kept = files.filter(({ action, path }) => action === 'keep' && path !== environmentFile);
  const record = rendered.get(recordFile);
  if (record === undefined) return;
  const paths = kept.map(({ path }) => path);
  rendered.set(recordFile, { content: Buffer.from(withKept(record.content.toString(), paths)) });
}
