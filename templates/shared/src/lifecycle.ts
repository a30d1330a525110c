import { errorText, type Log } from './monitoring/log.ts';

/** Your code keeps the server from starting; the message says why, in one line. */
export class StartError extends Error {
  constructor(what: string, cause: unknown) {
    super(`${what}: ${errorText(cause).replace(/\s*\n\s*/g, ' ')}${placeOf(cause)}`, { cause });
  }
}

interface App {
  close(): void | Promise<void>;
}

/** Seconds that an application may take to open: long enough to wait for a database that starts at the same time. */
const secondsToOpen = 30;

/** @throws {StartError} if it fails, takes too long, or gives nothing that can be closed */
export async function open<C, A extends App>(openApp: (config: C) => Promise<A>, config: C): Promise<A> {
  const what = 'src/app.ts: openApp failed';
  const app = await inTime(async () => openApp(config), secondsToOpen).catch((error) => {
    throw new StartError(what, error);
  });
  if (typeof app?.close !== 'function')
    throw new StartError(what, 'it must return an object with a close() method');
  return app;
}

/** Closes an application. That it fails, or takes longer than this many seconds, is logged and stops nothing. */
export async function close(app: App, seconds: number, log: Log): Promise<void> {
  try {
    await inTime(async () => app.close(), seconds);
  } catch (err) {
    log.error({ err }, 'closing the application failed');
  }
}

/** @throws when work takes longer than this many seconds */
export async function inTime<T>(work: () => Promise<T>, seconds: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeUp = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it must finish within ${seconds} s`)), seconds * 1000);
  });
  try {
    return await Promise.race([work(), timeUp]);
  } finally {
    clearTimeout(timer);
  }
}

/** Where in your code an error was thrown. */
function placeOf(error: unknown): string {
  const frames = error instanceof Error ? String(error.stack).split('\n') : [];
  const own = frames.find(
    (frame) => /[\\/](src|dist)[\\/]/.test(frame) && !/node_modules|lifecycle\./.test(frame),
  );
  const place = /((?:src|dist)[\\/][^():]+:\d+):\d+\)?$/.exec(own ?? '')?.[1];
  return place === undefined ? '' : ` (${place})`;
}
