import { setTimeout as wait } from 'node:timers/promises';

const ms = Number(process.env.SLOW_ECHO_MS ?? 0);

/** The same tool, or with SLOW_ECHO_MS one that takes so long: for the measures that interrupt calls. */
export function slowly(tool) {
  if (ms === 0) return tool;
  return async (args) => {
    await wait(ms);
    return tool(args);
  };
}
