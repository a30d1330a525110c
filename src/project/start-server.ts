import { failingAs } from './run.ts';
import type { Uses } from './step-runner.ts';

/**
 * Starts the built server with its own settings, those of its `.env` included, and stops it as soon as it listens. Only
 * the port is a free one, and the log is set so that it can be read.
 *
 * @throws {CreateError} verify_failed, with what the server printed
 */
export async function startServer({
  directory,
  run,
  onLine,
}: Uses<'directory' | 'run' | 'onLine'>): Promise<void> {
  const env = { PORT: '0', LOG_FORMAT: 'json', LOG_LEVEL: 'info' };
  const options = { cwd: directory, env, onLine };
  const start = async () => {
    await run('node', ['dist/main.js', '--check'], options);
    await run('node', ['dist/main.js'], { ...options, until: isListening });
  };
  await failingAs('verify_failed', start, 'the server does not start with its own settings');
}

function isListening(line: string): boolean {
  try {
    return JSON.parse(line).msg === 'listening';
  } catch {
    return false; // not a line of the log
  }
}
