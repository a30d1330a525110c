import { Terminal as AnyTerminal } from '../support/terminal.ts';
import { cleanEnvironment, command } from './command.ts';

export { keys } from '../support/terminal.ts';

/** The packed command in a terminal. */
export class Terminal extends AnyTerminal {
  constructor(
    args: readonly string[],
    { env = {}, ...options }: { cwd: string; columns?: number; env?: Record<string, string> },
  ) {
    super(command, args, { ...options, env: { ...cleanEnvironment, ...env } });
  }
}
