/** Every way a run can fail: the code that programs may rely on, and the command's exit status. */
export const failures = {
  unexpected: 1,
  bad_input: 2,
  target_not_empty: 3,
  target_not_writable: 3,
  install_failed: 4,
  build_failed: 5,
  verify_failed: 5,
  cancelled: 130,
} as const;

/** The same statuses in words, for the help text and the README. */
export const exitStatuses: Readonly<Record<number, string>> = {
  0: 'done',
  1: 'unexpected failure',
  2: 'bad input: a flag, an answer, a config file',
  3: 'the target is not empty, or not writable',
  4: 'the project is written, its install failed',
  5: 'the project is written, its build or verification failed',
  130: 'cancelled; nothing was written',
};

export type FailureCode = keyof typeof failures;

/** A failure that is explained: its message is one line for the user, who needs no stack. */
export class CreateError extends Error {
  override readonly name = 'CreateError';
  readonly code: FailureCode;
  /** The flag that would put it right, such as `--port`. */
  readonly flag: string | undefined;
  /** What a failed program printed, in full. */
  readonly output: string | undefined;
  /** Where the project is, when it was written all the same. */
  directory?: string;
  /** What to type once the cause is gone, when the project was written. */
  resume: readonly string[] = [];

  constructor(
    code: FailureCode,
    message: string,
    details: { flag?: string; output?: string; cause?: unknown } = {},
  ) {
    super(message, { cause: details.cause });
    this.code = code;
    this.flag = details.flag;
    this.output = details.output;
  }

  get exitStatus(): number {
    return failures[this.code];
  }
}

export function badInput(flag: string, value: unknown, why: string): CreateError {
  return new CreateError('bad_input', `${flag} ${show(value)}: ${why}`, { flag });
}

/** A value as the user would recognise it, on one line whatever it holds. */
function show(value: unknown): string {
  if (Array.isArray(value)) return show(value.join(','));
  if (typeof value !== 'string') return JSON.stringify(value) ?? String(value);
  return /^[!-~]+$/.test(value) ? value : JSON.stringify(value);
}
