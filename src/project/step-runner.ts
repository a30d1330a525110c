import type { Answers, PackageManager } from '../answers/index.ts';
import type { Run } from './run.ts';

export type StepName = 'render' | 'install' | 'build' | 'verify' | 'git';

export interface StepReport {
  name: StepName;
  status: 'running' | 'done' | 'failed' | 'skipped';
  /** How long it took. */
  milliseconds: number;
  /** Why it was skipped, or a remark on how it ended. */
  note?: string;
  /** For `verify`: the names of the tests that passed. */
  passed?: string[];
  /** What is left to the user, in one sentence or two. It is among the notes of the next steps. */
  remark?: string;
}

/** What a step says when it has ended. Without a status it is done. */
export type StepOutcome = Partial<Pick<StepReport, 'status' | 'note' | 'passed' | 'remark'>>;

/** What the steps work with. Each takes only the part that it uses. */
export interface StepContext {
  directory: string;
  packageManager: PackageManager;
  /** Which steps the user wants. */
  wanted: Pick<Answers, 'install' | 'verify' | 'git'>;
  /** Whether the directory keeps a package.json that was there before. */
  packageKept: boolean;
  /** The paths of the project's files. */
  paths: readonly string[];
  run: Run;
  /** Called with each line that a program prints. */
  onLine?: ((line: string) => void) | undefined;
}

export type Uses<Key extends keyof StepContext> = Pick<StepContext, Key>;

export interface Step {
  readonly name: StepName;
  /** The names of what it makes in the directory, whole folders or files. */
  readonly makes?: readonly string[];
  /** Why the step is skipped; undefined if it runs. */
  skip(context: StepContext): string | undefined;
  run(context: StepContext): Promise<StepOutcome>;
}

/** Runs steps, and reports when each starts and when it has ended. */
export class StepRunner {
  /** How each step has ended so far. */
  readonly ended: StepReport[] = [];
  readonly #onStep: (report: StepReport) => void;

  constructor(onStep: (report: StepReport) => void = () => {}) {
    this.#onStep = onStep;
  }

  async run({ name, skip, run }: Step, context: StepContext): Promise<void> {
    const reason = skip(context);
    if (reason !== undefined) return this.#end({ name, status: 'skipped', milliseconds: 0, note: reason });

    const start = performance.now();
    const milliseconds = () => Math.round(performance.now() - start);
    this.#onStep({ name, status: 'running', milliseconds: 0 });
    try {
      const outcome = await run(context);
      this.#end({ name, status: 'done', milliseconds: milliseconds(), ...outcome });
    } catch (error) {
      this.#end({ name, status: 'failed', milliseconds: milliseconds() });
      throw error;
    }
  }

  isDone(name: StepName): boolean {
    return this.ended.some((step) => step.name === name && step.status === 'done');
  }

  #end(report: StepReport): void {
    this.ended.push(report);
    this.#onStep(report);
  }
}
