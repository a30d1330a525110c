import { HttpError } from './errors.ts';

/** Levels that arrays and objects may be nested in each other. */
const maxDepth = 100;

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
/** With this bit `[` is `{` and `]` is `}`. */
const curlyBit = 0x20;
const open = 0x7b;
const close = 0x7d;

/**
 * Looks at the structure of JSON before it is parsed: what is small in bytes can still be large in memory, and slow to
 * parse, to check against a schema and to explain. Whether it is JSON at all is for the parser to say.
 *
 * @throws {HttpError} `invalid_message`
 */
export function requireFewValues(json: Uint8Array, maxValues: number): void {
  // A value takes two bytes at least, a level one at each end.
  if (json.length <= 2 * maxDepth) return;
  let values = 1;
  let depth = 0;
  for (let i = 0; i < json.length; i++) {
    const byte = json[i] as number;
    if (byte === quote) {
      i = endOfString(json, i + 1);
    } else if (byte === comma) {
      values++;
    } else if ((byte | curlyBit) === open) {
      values++;
      depth++;
      if (depth > maxDepth) throw new HttpError('message_too_deep', { limit: maxDepth });
    } else if ((byte | curlyBit) === close) {
      depth--;
    }
  }
  if (values > maxValues) throw new HttpError('too_many_values', { limit: maxValues });
}

/** The place of the quote that ends a string, or the end of the text. */
function endOfString(json: Uint8Array, start: number): number {
  let i = start;
  while (i < json.length && json[i] !== quote) i += json[i] === backslash ? 2 : 1;
  return i;
}

/** Counts the values in parsed JSON, itself included, and stops counting above `most`. */
export function countValues(json: unknown, most: number): number {
  let values = 1;
  if (typeof json !== 'object' || json === null) return values;
  for (const value of Object.values(json)) {
    values += countValues(value, most - values);
    if (values > most) break;
  }
  return values;
}
