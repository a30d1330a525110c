import { inspect } from 'node:util';
import { ListenError } from './http/listener.ts';
import { StartError } from './lifecycle.ts';
import type { Log } from './monitoring/log.ts';
import { SettingsError } from './settings/environment.ts';

/**
 * Says why the server cannot start, in one line where that is enough, with a stack where it is a defect, and ends the
 * process: whatever the application has opened could keep it alive.
 */
export function failToStart(error: unknown): void {
  const expected =
    error instanceof SettingsError || error instanceof ListenError || error instanceof StartError;
  process.exitCode = 1;
  process.stderr.write(`${expected ? error.message : inspect(error)}\n`, () => process.exit());
}

/** SIGTERM and SIGINT stop the server; a second one does not wait for it. */
export function stopOnSignals(close: () => Promise<void>, log: Log): void {
  let stopping = false;
  const stop = async (signal: NodeJS.Signals) => {
    if (stopping) process.exit(1);
    stopping = true;
    log.info({ signal }, 'stopping');
    try {
      await close();
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

/** SIGHUP brings in a renewed certificate; open streams go on. A bad one is refused, and the old one stays. */
export function renewOnHangup(server: { renewCertificate(): void }, log: Log): void {
  process.on('SIGHUP', () => {
    try {
      server.renewCertificate();
      log.info('certificate renewed');
    } catch (error) {
      log.error({ reason: (error as Error).message }, 'certificate not renewed');
    }
  });
}

/**
 * A tool can fail outside its call, in a timer or a promise nobody awaits. That is logged, and must not end
 * the sessions of everybody else; nor must it that whoever read the log has gone.
 */
export function keepRunning(log: Log): void {
  process.on('uncaughtException', (err, origin) => log.error({ err, origin }, 'uncaught error'));
  process.stdout.on('error', () => {});
}
