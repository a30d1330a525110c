import { type Answers, completeAnswers, parseGiven } from '../answers/index.ts';
import { runningPackageManager } from './package-managers.ts';
import { type MakeOptions, type PlanOptions, type Project, planProject } from './plan.ts';
import { currentDirectory } from './usable-path.ts';

export type CreateOptions = PlanOptions & MakeOptions;

/**
 * Plans a project, then makes it: writes its files, installs, builds and proves it, and puts it under version control.
 *
 * @param given answers to any of the questions; the others take their defaults
 * @throws {CreateError} as `planProject` and the plan's `make` do, and bad_input if an answer is not valid
 */
export async function createProject(
  given: Partial<Answers> = {},
  options: CreateOptions = {},
): Promise<Project> {
  const { cwd = currentDirectory() } = options;
  const answers = completeAnswers(parseGiven(given), { cwd, packageManager: runningPackageManager() });
  const plan = await planProject(answers, options);
  return plan.make(options);
}
