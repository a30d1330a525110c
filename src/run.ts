/**
 * Runs a program to its end.
 *
 * @returns what it printed on both outputs
 * @throws {CommandFailed} when it cannot be started or ends with another status than 0
 */
export type Run = (command: string, args: readonly string[], options: RunOptions) => Promise<string>;

export interface RunOptions {
  cwd: string;
  /** Variables beside those of this process; undefined takes one away. */
  env?: Record<string, string | undefined>;
  /** Hears each line as it is printed. */
  onLine?: ((line: string) => void) | undefined;
}

export class CommandFailed extends Error {
  override readonly name = 'CommandFailed';
  readonly output: string;
  /** True when there is no such program. */
  readonly notFound: boolean;

  constructor(message: string, details: { output: string; notFound: boolean }) {
    super(message);
    this.output = details.output;
    this.notFound = details.notFound;
  }
}

/** How long a program that was asked to end may take to clean up. */
const graceMilliseconds = 3000;

/** Runs programs until the signal aborts: then they are ended, with all that they have started. */
export function createRun(signal?: AbortSignal): Run {
  return async (command, args, { cwd, env, onLine }) => {
    signal?.throwIfAborted();
    const { execa } = await import('execa'); // takes a moment, which a run without an install need not wait for
    const child = execa(command, args, {
      cwd,
      env: { ...env, FORCE_COLOR: undefined, NO_COLOR: '1' },
      stdin: 'ignore', // a program that asks something would wait for ever
      all: true,
      reject: false,
      // A group of its own, so that the end reaches what a package manager has started. Windows has no such groups.
      detached: process.platform !== 'win32',
    });
    const end = () => endGroup(child);
    signal?.addEventListener('abort', end, { once: true });
    try {
      if (onLine) for await (const line of child.iterable({ from: 'all' })) onLine(line);
      const result = await child;
      signal?.throwIfAborted();
      if (!result.failed) return result.all;
      throw new CommandFailed(describeFailure(command, args, result), {
        output: result.all ?? '',
        notFound: result.code === 'ENOENT',
      });
    } finally {
      signal?.removeEventListener('abort', end);
    }
  };
}

function describeFailure(
  command: string,
  args: readonly string[],
  {
    code,
    exitCode,
    signal,
  }: { code?: string | undefined; exitCode?: number | undefined; signal?: string | undefined },
): string {
  const how = exitCode !== undefined ? `exit status ${exitCode}` : (signal ?? code ?? 'not started');
  return `${[command, ...args].join(' ')} failed (${how})`;
}

function endGroup(child: { pid?: number | undefined; kill(signal: NodeJS.Signals): boolean }) {
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
