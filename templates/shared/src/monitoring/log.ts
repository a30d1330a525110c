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

/** Characters of one fact that are logged. */
const longest = 10_000;

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
      write(`${lineOf(own, text, facts)}\n`);
    };
  };
  /** Lines that were lost since a line could last be written. */
  let lost = 0;

  /** What code throws may throw again when it is looked at. */
  function lineOf(level: string, message: string, facts: Record<string, unknown>): string {
    try {
      return toLine(new Date(), level, message, facts);
    } catch {
      return toLine(new Date(), level, message, { facts: 'values that cannot be shown' });
    }
  }

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
  const line = { time: time.toISOString(), level, msg };
  const plain = 'err' in facts ? { ...facts, err: plainError(facts.err) } : facts;
  const json = writeAsJson({ ...line, ...plain }) ?? JSON.stringify({ ...line, facts: shown(facts) });
  return json.replace(/[\u007f-\u009f]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`);
}

function textLine(time: Date, level: string, msg: string, facts: Record<string, unknown>): string {
  const details = Object.entries(facts).flatMap(([name, value]) => {
    if (value === undefined) return [];
    if (name === 'err') return `\n${errorStacks(value)}`;
    return `${name}=${typeof value === 'string' && isPlain(value) ? value : quote(value)}`;
  });
  const clock = time.toTimeString().slice(0, 8);
  return [clock, level.padEnd(5), msg, ...details].join('  ');
}

/** @returns undefined if it cannot be written as JSON: code may throw anything, also what has a cycle */
function writeAsJson(value: unknown): string | undefined {
  try {
    return JSON.stringify(value, (_, value) => {
      if (typeof value === 'bigint') return String(value);
      return typeof value === 'string' ? cut(value) : value;
    });
  } catch {
    return undefined;
  }
}

/** What is logged of an error. Not its other properties: those of HTTP clients hold requests with their credentials. */
function plainError(error: unknown): unknown {
  return causes(error).reduceRight(
    (cause, error) =>
      error instanceof Error
        ? { name: error.name, message: error.message, stack: error.stack, cause }
        : shown(error),
    undefined,
  );
}

/** The message of an error, and those of its causes. */
export function errorText(error: unknown): string {
  return causes(error)
    .map((error) => (error instanceof Error ? error.message || error.name : shown(error)))
    .join(': ');
}

function errorStacks(error: unknown): string {
  return causes(error)
    .map((error) => cut(error instanceof Error ? String(error.stack) : shown(error)))
    .join('\ncaused by ')
    .replace(/(?![\n\t])\p{Cc}/gu, '?');
}

/** An error and its causes, from the outside in; a few, since nothing forbids a circle. */
function causes(error: unknown, most = 5): unknown[] {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause === undefined || most === 1 ? [error] : [error, ...causes(cause, most - 1)];
}

/** Any value, in a few words. */
function shown(value: unknown): string {
  try {
    return cut(typeof value === 'string' ? value : inspect(value, { depth: 0 }));
  } catch {
    return 'a value that cannot be shown';
  }
}

function cut(text: string): string {
  return text.length > longest ? `${text.slice(0, longest)}… (${text.length} characters)` : text;
}

/** What a client chose could otherwise break the line, or give orders to the terminal. */
function quote(value: unknown): string {
  return String(writeAsJson(value) ?? shown(value)).replace(/[\u007f-\u009f]/g, '?');
}

function isPlain(text: string): boolean {
  return /^[\w.:/@-]+$/.test(text);
}
