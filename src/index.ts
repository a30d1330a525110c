/**
 * The programmatic API.
 *
 * ```ts
 * import { createProject } from 'create-mcp-sse';
 *
 * const project = await createProject({ directory: 'my-server', auth: 'jwt', port: 9000 });
 * console.log(project.nextSteps.urls.sse);
 * ```
 */
export {
  type Answers,
  type AnyQuestion,
  allQuestions,
  type Context,
  completeAnswers,
  type Given,
  type PackageManager,
  parseGiven,
} from './answers/index.ts';
export { CreateError, exitStatuses, type FailureCode, failures } from './errors.ts';
export {
  CommandFailed,
  type CreateOptions,
  createProject,
  type FileAction,
  layersOf,
  type MakeOptions,
  makeSecret,
  type NextSteps,
  type PlannedFile,
  type PlanOptions,
  type Project,
  type ProjectPlan,
  planProject,
  type RenderedFile,
  type RenderedFiles,
  type Run,
  type RunOptions,
  render,
  renderRecord,
  type StepName,
  type StepReport,
} from './project/index.ts';
export { generatorVersion, templatesFolder } from './version.ts';
