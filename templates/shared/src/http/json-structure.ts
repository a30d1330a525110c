import { HttpError } from './errors.ts';

/** Levels that arrays and objects may be nested in each other. */
const maxDepth = 100;

/** Keys of one object: each costs many times what an item of an array does, wherever objects are looked at or copied. */
const maxKeys = 10_000;

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const colon = 0x3a;
/** With this bit `[` is `{` and `]` is `}`. */
const curlyBit = 0x20;
const open = 0x7b;
const close = 0x7d;

/**
 * Looks at the structure of JSON before it is parsed: what is small in bytes can still be large in memory, and slow to
 * parse, to check against a schema and to explain. Whether it is JSON at all is for the parser to say.
 *
 * @returns how many values it has, each key, item and container counted; 0 if they are not worth counting
 * @throws {HttpError} `invalid_message`
 */
export function requireFewValues(json: Uint8Array, maxValues: number): number {
  // A value takes two bytes at least, a level one at each end.
  if (json.length <= 2 * maxDepth) return 0;
  const keys = new Uint32Array(maxDepth + 1);
  let values = 1;
  let depth = 0;
  for (let i = 0; i < json.length; i++) {
    const byte = json[i] as number;
    if (byte === quote) {
      // To the quote that ends the string. Here and not in a function of its own: messages have many strings.
      i++;
      while (i < json.length && json[i] !== quote) i += json[i] === backslash ? 2 : 1;
    } else if (byte === comma) {
      values++;
    } else if (byte === colon) {
      if (depth > 0 && ++(keys[depth] as number) > maxKeys)
        throw new HttpError('too_many_keys', { limit: maxKeys });
    } else if ((byte | curlyBit) === open) {
      values++;
      depth++;
      if (depth > maxDepth) throw new HttpError('message_too_deep', { limit: maxDepth });
      keys[depth] = 0;
    } else if ((byte | curlyBit) === close) {
      depth--;
    }
  }
  if (values > maxValues) throw new HttpError('too_many_values', { limit: maxValues });
  return values;
}
