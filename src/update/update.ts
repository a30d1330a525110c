import { createHash } from 'node:crypto';
import { existsSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Answers } from '../answers/index.ts';
import { CreateError, cancelled } from '../errors.ts';
import {
  CommandFailed,
  createRun,
  currentDirectory,
  inspectDirectory,
  type MakeOptions,
  packageManagers,
  type Run,
  reasonOf,
  remove,
  requirePackageManager,
  type StepContext,
  type StepReport,
  StepRunner,
  steps,
} from '../project/index.ts';
import { Journal } from './journal.ts';
import { planChanges, type UpdateReport } from './plan.ts';
import { notReady } from './repository.ts';

export interface UpdateOptions {
  /** The directory that relative paths start from. Default: the current one. */
  cwd?: string;
  /** When it aborts, everything is rolled back and the call fails with the code `cancelled`. */
  signal?: AbortSignal;
  /** Runs git, package managers and the server. Default: as processes. */
  run?: Run;
}

export interface Update extends UpdateReport {
  /** Absolute. */
  directory: string;
  steps: StepReport[];
}

export interface UpdatePlan extends Update {
  /** Whether the project is as this version would have it. */
  upToDate: boolean;
  /** Whether it finishes an update that was killed. */
  resumed: boolean;
  /**
   * Writes the files; if nothing conflicts it installs, builds and proves the project too.
   *
   * @throws {CreateError} install_failed, build_failed or verify_failed, with the files written; cancelled, with the
   *   files as they were before
   */
  make(options?: MakeOptions): Promise<Update>;
}

/**
 * Plans what brings a project to this version of the generator, and to other answers. Nothing is written.
 *
 * @param flags the answers to change; of those about the run, `install` and `verify`
 * @throws {CreateError} project_not_ready, if git could not undo the update; bad_input, if the record cannot be used
 */
export async function planUpdate(flags: Partial<Answers>, options: UpdateOptions = {}): Promise<UpdatePlan> {
  return plan(flags, options).catch((error) => {
    throw options.signal?.aborted ? cancelled(error) : error;
  });
}

async function plan(flags: Partial<Answers>, options: UpdateOptions): Promise<UpdatePlan> {
  const { cwd = currentDirectory(), signal, run = createRun(signal) } = options;
  const { directory: path = '.', install = true, verify = true, ...changed } = flags;
  const { directory, exists } = await inspectDirectory(resolve(cwd, path));
  if (!exists) throw notReady(`${path} does not exist`);
  const folder = await journalFolder(directory, run);

  const unfinished = await Journal.find<UpdateReport>(folder, directory);
  if (unfinished?.applied && !(await hasChanges(directory, run))) await unfinished.end();
  else if (unfinished !== undefined) {
    const make = finish(unfinished, directory, { install, verify, run, signal });
    return { directory, ...unfinished.report, steps: [], upToDate: false, resumed: true, make };
  }

  const { changes, report } = await planChanges(directory, changed, run);
  signal?.throwIfAborted();
  return {
    directory,
    ...report,
    steps: [],
    upToDate: changes.length === 0,
    resumed: false,
    async make(makeOptions) {
      if (changes.length === 0) return { directory, ...report, steps: [] };
      const { packageManager } = report.answers;
      const conflicts = report.files.some(({ action }) => action === 'conflict');
      if (install && !conflicts) await requirePackageManager({ packageManager, run }, directory);
      const journal = await Journal.begin(folder, directory, changes, report);
      if (signal?.aborted) throw cancelled(undefined, await journal.undo());
      return finish(journal, directory, { install, verify, run, signal })(makeOptions);
    },
  };
}

/** Where a run keeps its changes: in git's folder, where nobody commits it. */
async function journalFolder(directory: string, run: Run): Promise<string> {
  const id = createHash('sha256').update(directory).digest('hex').slice(0, 8);
  try {
    const path = await run('git', ['rev-parse', '--git-path', `create-mcp-sse-${id}`], { cwd: directory });
    return resolve(directory, path);
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    throw notReady(
      error.notFound || /not a git repository/.test(error.output)
        ? 'an update needs git and a repository: run git init, and commit the project'
        : `git cannot be used here: ${reasonOf(error)}`,
    );
  }
}

async function hasChanges(directory: string, run: Run): Promise<boolean> {
  const status = ['status', '--porcelain', '--untracked-files=no', '--', '.'];
  return (await run('git', status, { cwd: directory })) !== '';
}

function finish(
  journal: Journal<UpdateReport>,
  directory: string,
  {
    install,
    verify,
    run,
    signal,
  }: { install: boolean; verify: boolean; run: Run; signal: AbortSignal | undefined },
) {
  const { report } = journal;
  const { packageManager } = report.answers;
  return async ({ onStep, onLine }: MakeOptions = {}): Promise<Update> => {
    journal.apply();
    const restore = keepFiles(directory, packageManagers[packageManager].lockFiles);
    const runner = new StepRunner(onStep);
    const context: StepContext = {
      directory,
      packageManager,
      wanted: { install, verify, git: false },
      packageKept: false,
      paths: [],
      run,
      onLine,
    };
    try {
      if (!report.files.some(({ action }) => action === 'conflict')) {
        await remove(join(directory, 'dist')); // what was compiled of files that are gone
        for (const step of steps) if (step.name !== 'git') await runner.run(step, context);
      }
      signal?.throwIfAborted();
    } catch (error) {
      if (!signal?.aborted) {
        await journal.end();
        if (error instanceof CreateError) error.directory = directory;
        throw error;
      }
      const changed = await journal.undo();
      restore();
      if (changed.length > 0 || runner.ended.length === 0) throw cancelled(error, changed);
      const message = `cancelled: the files are as before; run ${packageManager} install, since node_modules may not be`;
      throw new CreateError('cancelled', message, { cause: error });
    }
    await journal.end();
    return { directory, ...report, steps: runner.ended };
  };
}

/** @returns what puts files back as they are now, or removes them if they are not there */
function keepFiles(directory: string, names: readonly string[]): () => void {
  const before = names.map((name) => {
    const file = join(directory, name);
    return [file, existsSync(file) ? readFileSync(file) : undefined] as const;
  });
  return () => {
    for (const [file, content] of before) {
      if (content !== undefined) writeFileSync(file, content);
      else if (existsSync(file)) unlinkSync(file);
    }
  };
}
