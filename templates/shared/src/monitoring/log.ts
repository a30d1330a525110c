/** Levels in rising order; a log shows its own level and those above. */
export const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

/**
 * One line an event: what happened, and the facts that belong to it. The shape is pino's: to use pino, put
 * `const log = pino();` in the place of `createLog(…)` in main.ts.
 */
export interface Log {
  debug: LogFunction;
  info: LogFunction;
  warn: LogFunction;
  error: LogFunction;
}

interface LogFunction {
  (message: string): void;
  /** An error goes in as `err`. Never put a credential or a message body here. */
  (facts: Record<string, unknown>, message: string): void;
}

export interface LogOptions {
  level: LogLevel;
  /** `json` for machines, `text` for people. Defaults to text in a terminal, else to JSON. */
  format?: 'json' | 'text' | undefined;
}

/** A log on standard output. */
export function createLog({ level, format }: LogOptions): Log {
  const toLine = (format ?? (process.stdout.isTTY ? 'text' : 'json')) === 'json' ? jsonLine : textLine;
  const at = (own: LogLevel): LogFunction => {
    if (logLevels.indexOf(own) < logLevels.indexOf(level)) return () => {};
    return (first: Record<string, unknown> | string, message?: string) => {
      const [facts, text] = typeof first === 'string' ? [{}, first] : [first, message ?? ''];
      process.stdout.write(`${toLine(new Date(), own, text, facts)}\n`);
    };
  };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

function jsonLine(time: Date, level: string, msg: string, facts: Record<string, unknown>): string {
  return JSON.stringify({ time: time.toISOString(), level, msg, ...facts }, (_, value) =>
    value instanceof Error ? { name: value.name, message: value.message, stack: value.stack } : value,
  );
}

function textLine(time: Date, level: string, msg: string, facts: Record<string, unknown>): string {
  const details = Object.entries(facts).map(([name, value]) => {
    if (value instanceof Error) return `\n${value.stack}`;
    return `${name}=${typeof value === 'string' && isPlain(value) ? value : quote(value)}`;
  });
  const clock = time.toTimeString().slice(0, 8);
  return [clock, level.padEnd(5), msg, ...details].join('  ');
}

/** What a client chose could otherwise break the line, or give orders to the terminal. */
function quote(value: unknown): string {
  return String(JSON.stringify(value)).replace(/[\u007f-\u009f]/g, '?');
}

function isPlain(text: string): boolean {
  return /^[\w.:/@-]+$/.test(text);
}
