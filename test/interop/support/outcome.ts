/** What a test proves of a client, for the tables that support/result-tables.ts makes. */
export interface Outcome {
  client: string;
  version: string;
  transport: string;
  feature: string;
  /** The test proves what the client gets instead of the feature. */
  lacking?: boolean;
}

declare module 'vitest' {
  interface TaskMeta {
    outcome?: Outcome;
  }
}

export function recordOutcome(task: { meta: { outcome?: Outcome } }, outcome: Outcome): void {
  task.meta.outcome = outcome;
}
