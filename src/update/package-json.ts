import { lineEndOf } from './trees.ts';

type Entries = Record<string, unknown>;

export interface MergedPackage {
  text: string;
  /** Sentences about what the template has and the project does not take. */
  notes: string[];
}

/**
 * Merges package.json by key. What its owner has set, raised or removed stays; what else the template changed is taken.
 *
 * @throws {SyntaxError} if the project's is not JSON
 */
export function mergePackage(base: string, ours: string, theirs: string): MergedPackage {
  const notes: string[] = [];
  const sides = [base, ours, theirs].map((text) => JSON.parse(text) as Entries) as [
    Entries,
    Entries,
    Entries,
  ];
  const merged = mergeEntries(...sides, (key, own, wanted) => {
    if (key === 'name' || key === 'version') return; // the owner's from the first day
    notes.push(
      wanted === undefined
        ? `package.json, ${key}: the template no longer has it; yours stays (${JSON.stringify(own)})`
        : `package.json, ${key}: yours stays (${own === undefined ? 'removed' : JSON.stringify(own)}); the template has ${JSON.stringify(wanted)}`,
    );
  });
  if (JSON.stringify(merged) === JSON.stringify(sides[1])) return { text: ours, notes };
  const indent = /^([ \t]+)"/m.exec(ours)?.[1] ?? 2;
  const end = lineEndOf(ours);
  const text = JSON.stringify(merged, null, indent).replaceAll('\n', end);
  return { text: /\n$/.test(ours) ? text + end : text, notes };
}

function mergeEntries(
  base: Entries,
  ours: Entries,
  theirs: Entries,
  disagree: (key: string, own: unknown, wanted: unknown) => void,
  prefix = '',
): Entries {
  const merged: Entries = { ...ours };
  for (const key of Object.keys({ ...base, ...theirs })) {
    const [was, own, wanted] = [base[key], ours[key], theirs[key]];
    if (isObject(was) && isObject(own) && isObject(wanted)) {
      merged[key] = mergeEntries(was, own, wanted, disagree, `${prefix}${key}.`);
    } else if (same(was, wanted) || same(own, wanted)) {
      // The template did not change it, or the project has it already.
    } else if (!same(was, own)) disagree(prefix + key, own, wanted);
    else if (wanted === undefined) delete merged[key];
    else merged[key] = wanted;
  }
  const added = Object.keys(merged).some((key) => !(key in ours));
  return added && isSorted(Object.keys(ours)) ? sorted(merged) : merged;
}

function isObject(value: unknown): value is Entries {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function isSorted(keys: string[]): boolean {
  return keys.length > 1 && keys.every((key, index) => index === 0 || (keys[index - 1] ?? '') <= key);
}

function sorted(entries: Entries): Entries {
  return Object.fromEntries(Object.entries(entries).sort(([a], [b]) => (a < b ? -1 : 1)));
}
