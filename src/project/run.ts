import { CreateError, type FailureCode } from '../errors.ts';
import { cleanEnvironment } from './environment.ts';

/**
 * Runs a program to its end.
 *
 * @returns what it printed to stdout and stderr
 * @throws {CommandFailed} if it cannot be started, or exits with another status than 0
 */
export type Run = (command: string, args: readonly string[], options: RunOptions) => Promise<string>;

export interface RunOptions {
  cwd: string;
  /** Environment variables in addition to those of this process that are left; see {@link cleanEnvironment}. */
  env?: Record<string, string | undefined>;
  /** Called with each line as it is printed. */
  onLine?: ((line: string) => void) | undefined;
  /** For a program that does not end: a line that it must print within half a minute, and is then stopped. */
  until?: (line: string) => boolean;
}

export class CommandFailed extends Error {
  override readonly name = 'CommandFailed';
  readonly output: string;
  /** Whether there is no such program. */
  readonly notFound: boolean;

  constructor(message: string, details: { output: string; notFound: boolean }) {
    super(message);
    this.output = details.output;
    this.notFound = details.notFound;
  }
}

/** How long a program may clean up after it was told to stop. */
const graceMilliseconds = 3000;

/** How long a program may take to print the line that `until` waits for. */
const patienceMilliseconds = 30_000;

/** Corepack asks nothing, pins nothing in the project, and minds no package manager that a directory further up names. */
const corepack = {
  COREPACK_ENABLE_AUTO_PIN: '0',
  COREPACK_ENABLE_DOWNLOAD_PROMPT: '0',
  COREPACK_ENABLE_STRICT: '0',
};

/** Runs programs until the signal aborts; then it stops them, with every process that they have started. */
export function createRun(signal?: AbortSignal): Run {
  return async (command, args, { cwd, env, onLine, until }) => {
    signal?.throwIfAborted();
    const { execa } = await import('execa'); // loading takes time, which a run without an install need not spend
    const child = execa(command, args, {
      cwd,
      extendEnv: false,
      env: { ...cleanEnvironment(process.env), ...corepack, ...env, FORCE_COLOR: undefined, NO_COLOR: '1' },
      stdin: 'ignore', // a program that asks a question would wait for ever
      all: true,
      reject: false,
      // A process group of its own, so that stopping reaches what a package manager has started. Windows has none.
      detached: process.platform !== 'win32',
    });
    const stop = () => stopGroup(child);
    const patience = until && setTimeout(stop, patienceMilliseconds);
    signal?.addEventListener('abort', stop, { once: true });
    let reached = until === undefined;
    try {
      if (onLine || until) {
        for await (const line of child.iterable({ from: 'all' })) {
          onLine?.(line);
          if (reached || !until?.(line)) continue;
          reached = true;
          stop();
        }
      }
      const result = await child;
      signal?.throwIfAborted();
      const stopped = until !== undefined && result.signal === 'SIGTERM'; // Windows knows no gentler end
      if (reached && (stopped || !result.failed)) return result.all;
      throw new CommandFailed(describeFailure(command, args, result), {
        output: result.all ?? '',
        notFound: result.code === 'ENOENT',
      });
    } finally {
      clearTimeout(patience);
      signal?.removeEventListener('abort', stop);
    }
  };
}

/** Does work that runs programs. @throws {CreateError} with this code and the program's output, if one fails */
export async function failingAs<T>(code: FailureCode, work: () => Promise<T>, what?: string): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    const message = what === undefined ? error.message : `${what}: ${error.message}`;
    const why = metFullDisk(error.output) ? 'the disk is full: ' : '';
    throw new CreateError(code, why + message, { output: error.output, cause: error });
  }
}

interface Ended {
  code?: string | undefined;
  exitCode?: number | undefined;
  signal?: string | undefined;
}

function describeFailure(
  command: string,
  args: readonly string[],
  { code, exitCode, signal }: Ended,
): string {
  const how = exitCode ? `exit status ${exitCode}` : (signal ?? code ?? 'it did not become ready');
  const firstOption = args.findIndex((arg) => arg.startsWith('-'));
  const words = firstOption === -1 ? args : args.slice(0, firstOption);
  return `${[command, ...words].join(' ')} failed (${how})`;
}

/** Whether a program has met a full disk, according to what it printed. npm tells of it, and may go on regardless. */
export function metFullDisk(output: string): boolean {
  return /\b(?:ENOSPC|EDQUOT|NoSpaceLeft)\b|no space left on device|disk quota exceeded/i.test(output);
}

function stopGroup(child: { pid?: number | undefined; kill(signal: NodeJS.Signals): boolean }): void {
  const send = (signal: NodeJS.Signals) => {
    if (process.platform === 'win32' || child.pid === undefined) return child.kill(signal);
    try {
      return process.kill(-child.pid, signal);
    } catch {
      return false; // it has ended already
    }
  };
  send('SIGTERM');
  setTimeout(send, graceMilliseconds, 'SIGKILL').unref();
}
