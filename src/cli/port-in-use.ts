import { createServer } from 'node:net';
import type { Answers } from '../answers/index.ts';
import type { Run } from '../project/index.ts';

/**
 * Checks whether another program listens on a port of this machine.
 *
 * @returns a sentence that names the program if possible; undefined if the port is free
 */
export async function portInUse(
  { port, host }: Pick<Answers, 'port' | 'host'>,
  run: Run,
): Promise<string | undefined> {
  if (!(await isTaken(port, host))) return undefined;
  const by = await listener(port, run);
  return `port ${port} is in use on this machine, by ${by ?? 'another program'}: the server cannot start until it is free`;
}

function isTaken(port: number, host: string): Promise<boolean> {
  return new Promise((done) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => done(error.code === 'EADDRINUSE'));
    server.listen({ port, host, exclusive: true }, () => server.close(() => done(false)));
  });
}

async function listener(port: number, run: Run): Promise<string | undefined> {
  // -F prints one field per line: p with the process id, c with the command.
  const output = await run('lsof', ['-nP', `-iTCP:${port}`, '-sTCP:LISTEN', '-Fpc'], { cwd: '/' }).catch(
    () => '',
  );
  const { pid, command } = /^p(?<pid>\d+)\s+c(?<command>.+)$/m.exec(output)?.groups ?? {};
  return pid === undefined ? undefined : `${command} (process ${pid})`;
}
