/** What a test proves of a client, for the tables that support/result-tables.ts makes. */
export interface Outcome {
  client: string;
  version: string;
  transport: string;
  feature: string;
  /** The test proves what the client gets instead of the feature. */
  lacking?: boolean;
  /** How the client came back after the server was killed and started again. */
  reconnecting?: {
    /** From the new start to the next good call; undefined if the program has to connect again. */
    seconds: number | undefined;
    /** What became of a call that was running. */
    runningCall: string;
    /** The program that uses the client was told of an error. */
    onerror: boolean;
  };
  /** What became of a running call when its process, one of several, ended. */
  moving?: {
    /** How it ended: it was told to stop, or killed. */
    signal: 'SIGTERM' | 'SIGKILL';
    runningCall: string;
    /** From the end to the next good call. */
    seconds: number;
  };
}

declare module 'vitest' {
  interface TaskMeta {
    outcome?: Outcome;
  }
}

export function recordOutcome(task: { meta: { outcome?: Outcome } }, outcome: Outcome): void {
  task.meta.outcome = outcome;
}
