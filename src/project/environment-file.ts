/** Holds the project's secrets, which are stored nowhere else, so it is never overwritten. */
export const environmentFile = '.env';

/** The names of the variables that the text of such a file sets. */
export function variablesIn(text: string): string[] {
  return [...text.matchAll(/^\uFEFF?\s*(?:export\s+)?(\w+)\s*=/gm)].map(([, name = '']) => name);
}
