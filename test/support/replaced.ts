/** Replaces texts, each of which must be there. */
export function replaced(source: string, replacements: Record<string, string>): string {
  return Object.entries(replacements).reduce((text, [from, to]) => {
    if (!text.includes(from)) throw new Error(`the documented configuration has no ${from}`);
    return text.replaceAll(from, to);
  }, source);
}
