import { inspect } from 'node:util';

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

/** Bytes that may wait for a reader of the log that stalls. */
const maxWaitingBytes = 1024 * 1024;

/** Lines that were lost in this process, for the metrics. */
let linesLost = 0;
export const logLinesLost = () => linesLost;

/** A log on standard output. */
export function createLog({ level, format }: LogOptions): Log {
  const toLine = (format ?? (process.stdout.isTTY ? 'text' : 'json')) === 'json' ? jsonLine : textLine;
  const at = (own: LogLevel): LogFunction => {
    if (logLevels.indexOf(own) < logLevels.indexOf(level)) return () => {};
    return (first: Record<string, unknown> | string, message?: string) => {
      const [facts, text] = typeof first === 'string' ? [{}, first] : [first, message ?? ''];
      write(`${toLine(new Date(), own, text, facts)}\n`);
    };
  };
  /** Lines that were lost since a line could last be written. */
  let lost = 0;

  /** While the log's reader stalls, lines are lost and counted: kept, they would fill the memory. */
  function write(line: string): void {
    if (process.stdout.writableLength > maxWaitingBytes) {
      lost++;
      linesLost++;
      return;
    }
    if (lost > 0) {
      const missing = lost;
      lost = 0;
      process.stdout.write(`${toLine(new Date(), 'warn', 'log lines were lost', { lines: missing })}\n`);
    }
    process.stdout.write(line);
  }

  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
  };
}

function jsonLine(time: Date, level: string, msg: string, facts: Record<string, unknown>): string {
  return toJson({ time: time.toISOString(), level, msg, ...facts });
}

function textLine(time: Date, level: string, msg: string, facts: Record<string, unknown>): string {
  const details = Object.entries(facts)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => {
      if (value instanceof Error) return `\n${value.stack}`;
      return `${name}=${typeof value === 'string' && isPlain(value) ? value : quote(value)}`;
    });
  const clock = time.toTimeString().slice(0, 8);
  return [clock, level.padEnd(5), msg, ...details].join('  ');
}

/** Whatever is thrown can be logged: what JSON cannot hold is written as people read it. */
function toJson(value: unknown): string {
  try {
    return JSON.stringify(value, (_, part) => (part instanceof Error ? errorFacts(part) : part));
  } catch {
    return JSON.stringify(value, (key, part) => (key === '' ? part : asText(part)));
  }
}

function errorFacts({ name, message, stack, cause }: Error) {
  return { name, message, stack, ...(cause !== undefined && { cause }) };
}

function asText(value: unknown): unknown {
  if (value === null || ['string', 'number', 'boolean', 'undefined'].includes(typeof value)) return value;
  try {
    return inspect(value, { depth: 3, breakLength: Infinity });
  } catch {
    return 'a value that cannot be shown';
  }
}

/** What a client chose could otherwise break the line, or give orders to the terminal. */
function quote(value: unknown): string {
  return String(toJson(value)).replace(/[\u007f-\u009f]/g, '?');
}

function isPlain(text: string): boolean {
  return /^[\w.:/@-]+$/.test(text);
}
