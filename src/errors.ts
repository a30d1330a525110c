/** Every way a run can fail: the code that programs may rely on, and the command's exit status. */
export const failures = {
  unexpected: 1,
  bad_input: 2,
  target_not_empty: 3,
  target_not_writable: 3,
  project_not_ready: 3,
  install_failed: 4,
  build_failed: 5,
  verify_failed: 5,
  conflicts: 6,
  cancelled: 130,
} as const;

/** The same statuses in words, for the help text and the README. */
export const exitStatuses: Readonly<Record<number, string>> = {
  0: 'done',
  1: 'unexpected failure',
  2: 'bad input: a flag, an answer, a config file',
  3: 'the target is not empty, not writable, or has changes that are not committed (update)',
  4: 'the project is written, its install failed',
  5: 'the project is written, its build or verification failed',
  6: 'update: merged, with conflicts left in the files',
  130: 'cancelled; the files are as before, or what was written is named',
};

export type FailureCode = keyof typeof failures;

/** A failure with an explanation: its message is one printable line for the user, who needs no stack. */
export class CreateError extends Error {
  override readonly name = 'CreateError';
  readonly code: FailureCode;
  /** The flag to change, such as `--port`. */
  readonly flag: string | undefined;
  /** Everything that a failed program printed. */
  readonly output: string | undefined;
  /** Where the project is, if it was written before the failure. */
  directory?: string;
  /** The commands that finish such a project once the cause is gone. */
  resume: readonly string[] = [];

  constructor(
    code: FailureCode,
    message: string,
    details: { flag?: string; output?: string; cause?: unknown } = {},
  ) {
    super(printable(message), { cause: details.cause });
    this.code = code;
    this.flag = details.flag;
    this.output = details.output;
  }

  get exitStatus(): number {
    return failures[this.code];
  }
}

/** Refuses a value. @param mustBe completes the sentence "--port 70000 must be …" */
export function refusedValue(flag: string, value: unknown, mustBe: string): CreateError {
  return badInput(flag, value, `must be ${mustBe}`);
}

/** @param problem completes the sentence "--config my.json …" */
export function badInput(flag: string, value: unknown, problem: string): CreateError {
  return new CreateError('bad_input', `${flag} ${show(value)} ${problem}`, { flag });
}

/** @param changed the files that were written and stay, because somebody else has changed them since */
export function cancelled(cause?: unknown, changed: readonly string[] = []): CreateError {
  const what =
    changed.length === 0
      ? 'nothing was written'
      : `but these files stay, because somebody changed them meanwhile: ${changed.join(', ')}`;
  return new CreateError('cancelled', `cancelled, ${what}`, { cause });
}

/** A value as the user would recognise it, always on one line. */
function show(value: unknown): string {
  if (typeof value !== 'string') return JSON.stringify(value) ?? String(value);
  return /^[!-~]+$/.test(value) ? value : printable(JSON.stringify(value));
}

/**
 * A text that others wrote, for a line in a terminal: what moves the cursor, changes colours or turns the direction of
 * writing is shown as an escape such as `\u001b`.
 */
export function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
