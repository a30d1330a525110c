/**
 * Plans a project and makes it: rendered in memory, written all or nothing, then a table of steps that install, build,
 * prove and commit it.
 */
export { type CreateOptions, createProject } from './create-project.ts';
export { environmentFile, variablesIn } from './environment-file.ts';
export { reasonOf } from './git.ts';
export { filesIn, layersOf } from './layers.ts';
export type { NextSteps } from './next-steps.ts';
export {
  installCommand,
  packageManagers,
  runningPackageManager,
  runScript,
  scriptCommand,
} from './package-managers.ts';
export { type MakeOptions, type PlanOptions, type Project, type ProjectPlan, planProject } from './plan.ts';
export { commandLine, currentShell, type Shell } from './quote.ts';
export { remove } from './remove.ts';
export { makeSecret, type RenderedFile, type RenderedFiles, render, renderRecord } from './render.ts';
export { CommandFailed, createRun, failingAs, type Run, type RunOptions } from './run.ts';
export { type StepContext, type StepName, type StepReport, StepRunner } from './step-runner.ts';
export { requirePackageManager, steps } from './steps.ts';
export {
  type FileAction,
  inspectDirectory,
  isEmpty,
  type PlannedFile,
  planTarget,
} from './target.ts';
export { currentDirectory } from './usable-path.ts';
