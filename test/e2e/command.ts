import { join } from 'node:path';
import { execa } from 'execa';
import { inject } from 'vitest';

/** The packed command. */
export const command = join(inject('installed'), 'node_modules/.bin/create-mcp-sse');

/** An environment without what would change how the command behaves: CI, agents, npm above it, colours. */
export const cleanEnvironment: Record<string, string> = {
  PATH: process.env.PATH ?? '',
  HOME: process.env.HOME ?? '',
  TERM: 'xterm-256color',
};

/** Runs the packed command without a terminal, to its end. */
export async function runCommand(
  args: readonly string[],
  { cwd, env = {} }: { cwd: string; env?: Record<string, string> },
) {
  const { exitCode, stdout, stderr } = await execa(command, args, {
    cwd,
    env: { ...cleanEnvironment, ...env },
    extendEnv: false,
    stdin: 'ignore',
    reject: false,
  });
  return { exitCode, stdout, stderr };
}
