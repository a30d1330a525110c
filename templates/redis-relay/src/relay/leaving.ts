import { setTimeout as sleep } from 'node:timers/promises';
import { longestReconnectMs, type Sessions } from '../sessions/sessions.ts';
import { MovableSession } from './movable-session.ts';

/** Milliseconds between two looks at the sessions that are left when the process stops. */
const leaveMs = 50;

/** The part of the time for stopping after which clients with running calls are let go too. */
const partForIdle = 0.2;

/**
 * Lets clients reconnect to other processes, where their sessions go on: idle ones first, all others soon after, so that
 * they are back while their last calls still run. Resolves once there is nothing left to deliver, or time is up.
 */
export async function leaveToOthers(sessions: Sessions, graceMs: number): Promise<void> {
  const begunAt = performance.now();
  for (;;) {
    const msGone = performance.now() - begunAt;
    const open = sessions.all().filter((session) => session instanceof MovableSession);
    if (open.length === 0 || msGone >= graceMs) return;
    for (const session of open) {
      if (session.waitingSince === undefined) {
        if (!session.hasToDeliver || msGone >= graceMs * partForIdle) session.letGo();
      } else if (!session.hasToDeliver && performance.now() - session.waitingSince >= longestReconnectMs) {
        session.close('shutdown');
      }
    }
    await sleep(leaveMs);
  }
}

/** Ends each session as soon as its own calls are answered, or time is up: other processes take its client. */
export async function closeWhenIdle(sessions: Sessions, graceMs: number): Promise<void> {
  const timeUp = sleep(graceMs, undefined, { ref: false });
  await Promise.all(
    sessions.all().map(async (session) => {
      await Promise.race([session.idle(), timeUp]);
      await session.close('shutdown');
    }),
  );
}
