import { ListenError } from './http/listener.ts';
import { StartError } from './lifecycle.ts';
import type { Log } from './monitoring/log.ts';
import type { Metrics } from './monitoring/metrics.ts';
import { SettingsError } from './settings/environment.ts';

/**
 * Says why the server cannot start, in one line where that is enough, with a stack where it is a defect, and ends the
 * process: whatever the application has opened could keep it alive.
 */
export function failToStart(error: unknown): void {
  const expected =
    error instanceof SettingsError || error instanceof ListenError || error instanceof StartError;
  console.error(expected ? error.message : error);
  process.exit(1);
}

export interface Stoppable {
  /** Stops, and lets running calls end in time. */
  close(): Promise<void>;
  /** Answers calls that still run with an error, at once. */
  endCalls(): void;
}

/** SIGTERM and SIGINT close the server; a second one does not wait for it. */
export function stopOnSignals(server: Stoppable, log: Log): void {
  let stopping = false;
  const stop = async (signal: NodeJS.Signals) => {
    if (stopping) {
      server.endCalls();
      process.exit(1);
    }
    stopping = true;
    log.info({ signal }, 'stopping');
    try {
      await server.close();
      log.info('stopped');
    } catch (err) {
      log.error({ err }, 'stopping failed');
      process.exitCode = 1;
    } finally {
      process.exit();
    }
  };
  process.on('SIGTERM', stop).on('SIGINT', stop);
}

/**
 * SIGHUP reads again what may change while the server runs: its certificate, its key files. Open streams go on. What is
 * bad is refused, and the old one stays.
 */
export function renewOnHangup(renewals: Record<string, () => void>, log: Log): void {
  process.on('SIGHUP', () => {
    for (const [what, renew] of Object.entries(renewals)) {
      try {
        renew();
        log.info(`${what} renewed`);
      } catch (error) {
        log.error({ reason: (error as Error).message }, `${what} not renewed`);
      }
    }
  });
}

/**
 * A tool can fail outside its call, in a timer or a promise nobody awaits. That is logged, and must not end
 * the sessions of everybody else; nor must it that whoever read the log has gone.
 */
export function keepRunning(log: Log, metrics: Metrics): void {
  process.on('uncaughtException', (err, origin) => {
    metrics.uncaughtError();
    log.error({ err, origin }, 'uncaught error');
  });
  process.stdout.on('error', () => {});
}

/** The SDK warns of a tool's name on the console, again in each session. Here each warning comes once, in the log. */
export function logWarningsOnce(log: Log): void {
  const seen = new Set<string>();
  console.warn = (...words: unknown[]) => {
    const text = words.map(String).join(' ');
    if (seen.has(text) || seen.size > 1000) return;
    seen.add(text);
    log.warn({ warning: text.slice(0, 1000) }, 'warning');
  };
}
