/**
 * The programmatic API. The command itself is made of nothing else.
 *
 * ```ts
 * import { createProject } from 'create-mcp-sse';
 *
 * const project = await createProject({ directory: 'my-server', auth: 'jwt', port: 9000 });
 * console.log(project.nextSteps.urls.sse);
 * ```
 */
export { completeAnswers, type Given, parseGiven } from './answers.js';
export { type CreatedProject, type CreateOptions, createProject } from './create-project.js';
export { CreateError, exitStatuses, type FailureCode, failures } from './errors.js';
export type { NextSteps } from './next-steps.js';
export type { PackageManager } from './package-managers.js';
export { type Answers, type AnyQuestion, allQuestions } from './questions.js';
export { makeSecret, type RenderedFile, type RenderedFiles, render } from './render.js';
export { CommandFailed, type Run, type RunOptions } from './run.js';
export type { StepName, StepReport } from './step-reports.js';
export type { FileAction, PlannedFile } from './target.js';
export { generatorVersion, templatesFolder } from './version.js';
