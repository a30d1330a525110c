/**
 * What is wrong with a result that cannot be sent, since JSON has no form for it: a bigint, a cycle, a getter that throws.
 *
 * @returns the error; undefined if nothing is wrong
 */
export function unwritable(result: object): unknown {
  if (isTextOnly(result)) return undefined;
  try {
    if (JSON.stringify(result)?.startsWith('{')) return undefined;
    return new TypeError('the result is no object');
  } catch (error) {
    return error;
  }
}

/** Nearly every result is `{ content: [{ type: 'text', text }] }`, and need not be written twice. */
function isTextOnly(result: object): boolean {
  for (const key in result) if (key !== 'content') return false;
  const { content } = result as { content?: unknown };
  if (!Array.isArray(content)) return false;
  for (const part of content) for (const key in part) if (typeof part[key] !== 'string') return false;
  return true;
}
