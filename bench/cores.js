import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** The core of the server, and the core of the load generator and of all that attacks. Undefined where there are not two, or no `taskset`. */
export const cores = findCores();

/** A command that runs, with its child processes, on the core of the `server` or of the `load`. */
export function pinned(role, command) {
  return cores ? ['taskset', '--cpu-list', String(cores[role]), ...command] : command;
}

function findCores() {
  if (process.platform !== 'linux' || spawnSync('taskset', ['--version']).error) return undefined;
  const [, allowed] = /^Cpus_allowed_list:\s+(.*)$/m.exec(readFileSync('/proc/self/status', 'utf8'));
  const numbers = allowed.match(/\d+/g).map(Number);
  const [server, load] = [numbers[0], numbers.at(-1)];
  return server === load ? undefined : { server, load };
}
