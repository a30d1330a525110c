import { wrapTextWithPrefix } from '@clack/core';
import { S_BAR } from '@clack/prompts';
import kleur from 'kleur';

/** Wraps a text at the width of the terminal. Each line begins with the prefix, the first one with its own. */
export function wrapped(text: string, prefix: string, first: string): string {
  // The space at which a line was broken stays at the beginning of the next one.
  const trim = (line: string, index: number) => (index === 0 ? line : line.replace(/^ /, ''));
  return wrapTextWithPrefix(process.stdout, text, prefix, first, undefined, trim);
}

/** Each line of a text that wraps begins with the bar. */
export function barred(text: string, bar = kleur.gray(S_BAR), first = bar): string {
  return wrapped(text, `${bar}  `, `${first}  `);
}
