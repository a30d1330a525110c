export type StepName = 'render' | 'install' | 'build' | 'verify' | 'git';

export interface StepReport {
  name: StepName;
  status: 'running' | 'done' | 'failed' | 'skipped';
  /** How long it took. */
  milliseconds: number;
  /** Why it was skipped, or what remains to be said. */
  note?: string;
  /** For `verify`: the tests that passed, by name. */
  passed?: string[];
}

/** What a step may tell of its result beside that it is done. */
export type StepOutcome = Partial<Pick<StepReport, 'status' | 'note' | 'passed'>>;

/** Keeps account of the steps, and tells of each when it starts and when it has ended. */
export class StepReports {
  readonly ended: StepReport[] = [];

  constructor(private readonly onStep: (report: StepReport) => void = () => {}) {}

  async do<T>(name: StepName, work: () => Promise<T>, outcome?: (result: T) => StepOutcome): Promise<T> {
    const start = performance.now();
    const milliseconds = () => Math.round(performance.now() - start);
    this.onStep({ name, status: 'running', milliseconds: 0 });
    try {
      const result = await work();
      this.#end({ name, status: 'done', milliseconds: milliseconds(), ...outcome?.(result) });
      return result;
    } catch (error) {
      this.#end({ name, status: 'failed', milliseconds: milliseconds() });
      throw error;
    }
  }

  /** Does a step, unless there is a reason to skip it. */
  async doUnless<T>(
    reason: string | undefined,
    name: StepName,
    work: () => Promise<T>,
    outcome?: (result: T) => StepOutcome,
  ): Promise<void> {
    if (reason === undefined) await this.do(name, work, outcome);
    else this.#end({ name, status: 'skipped', milliseconds: 0, note: reason });
  }

  isDone(name: StepName): boolean {
    return this.ended.some((step) => step.name === name && step.status === 'done');
  }

  #end(report: StepReport) {
    this.ended.push(report);
    this.onStep(report);
  }
}
