import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const env = { PATH: `${process.env.PATH}:/usr/sbin` };
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** A program that a test started, in a folder of its own. */
export interface Program {
  folder: string;
  signal(signal: NodeJS.Signals): void;
  /** Ends it, also when it is paused. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** Why a program cannot be used here, or undefined when it can. */
export function missing(program: string): string | undefined {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`], { env });
    return undefined;
  } catch {
    return `${program} is not installed: on Debian, apt-get install ${program}`;
  }
}

/** @throws when the program is not installed: for tests that mean nothing without it */
export function requireProgram(program: string): void {
  const reason = missing(program);
  if (reason) throw new Error(reason);
}

/** Starts a program; `args` gets its folder. */
export function startProgram(
  program: string,
  args: (folder: string) => string[],
  environment: NodeJS.ProcessEnv = env,
) {
  const folder = mkdtempSync(join(tmpdir(), `${program}-`));
  const child = spawn(program, args(folder), {
    cwd: folder,
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  let printed = '';
  child.stdout.on('data', (data) => {
    printed += data;
  });
  child.stderr.on('data', (data) => {
    printed += data;
  });
  const ended = once(child, 'exit').then(() => running.delete(child));
  return {
    folder,
    child,
    output: () => printed,
    signal: (signal: NodeJS.Signals) => void child.kill(signal),
    async stop(signal: NodeJS.Signals = 'SIGKILL') {
      child.kill(signal);
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export type StartedProgram = ReturnType<typeof startProgram>;

/** Waits until a program listens, or says why it does not. */
export async function listening(program: StartedProgram, ask: () => Promise<unknown>): Promise<void> {
  for (;;) {
    if (program.child.exitCode !== null) throw new Error(`it ended before it listened:\n${program.output()}`);
    const answered = await ask().then(
      () => true,
      () => false,
    );
    if (answered) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return (address as { port: number }).port;
}
