import { variablesIn } from '../project/index.ts';
import { lineEndOf } from './trees.ts';

/**
 * Adds to a project's `.env` the variables that new answers need, each with its comment. Nothing that is there changes.
 *
 * @param base what the project was made with: a variable that its owner has removed is not added again
 * @param theirs what a new project would get, with a fresh secret
 * @returns the new text, and the names that were added; undefined if nothing is missing
 */
export function addVariables(
  ours: string | undefined,
  base: string,
  theirs: string,
): { text: string; added: string[] } | undefined {
  const there = [ours ?? '', base].flatMap(variablesIn);
  const missing = variablesIn(theirs).filter((name) => !there.includes(name));
  if (missing.length === 0) return undefined;
  if (ours === undefined) return { text: theirs, added: missing };
  const end = lineEndOf(ours);
  const lines = theirs.split('\n');
  const added = missing.flatMap((name) => {
    const at = lines.findIndex((line) => line.startsWith(`${name}=`));
    const comment = lines[at - 1]?.startsWith('#') ? [lines[at - 1]] : [];
    return ['', ...comment, lines[at]];
  });
  const text = ours + (ours === '' || ours.endsWith('\n') ? '' : end) + added.join(end) + end;
  return { text, added: missing };
}
