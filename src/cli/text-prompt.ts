import { TextPrompt, wrapTextWithPrefix } from '@clack/core';
import { S_BAR, S_BAR_END, symbol, symbolBar } from '@clack/prompts';
import kleur from 'kleur';

interface TextQuestion {
  message: string;
  /** The answer of who only presses Enter. */
  initial: string;
  /** Why an answer is refused; undefined if it is not. */
  problem(answer: string): string | undefined | Promise<string | undefined>;
  signal: AbortSignal;
}

/** Each line of a text that wraps begins with the bar. */
export function barred(text: string, bar = kleur.gray(S_BAR), first = bar): string {
  // The space at which a line was broken stays at the beginning of the next one.
  const trim = (line: string, index: number) => (index === 0 ? line : line.replace(/^ /, ''));
  return wrapTextWithPrefix(process.stdout, text, `${bar}  `, `${first}  `, undefined, trim);
}

/** Asks for a text. Unlike that of @clack/prompts, it keeps the bar before lines that wrap. */
export function askText({ message, initial, problem, signal }: TextQuestion) {
  return new TextPrompt({
    defaultValue: initial,
    signal,
    validate: (input) => problem(input?.trim() || initial),
    render() {
      const { state, userInput } = this;
      const bar = symbolBar(state);
      const isEmpty = userInput === '';
      const placeholder = kleur.inverse(initial.slice(0, 1)) + kleur.dim(initial.slice(1));
      const typed = barred(isEmpty ? placeholder : this.userInputWithCursor, bar);
      const value = barred(kleur.dim(isEmpty ? initial : userInput), bar);
      const error = barred(kleur.yellow(this.error), ' ', kleur.yellow(S_BAR_END));
      const end = kleur.cyan(S_BAR_END);
      const below = {
        initial: [typed, end, ''],
        active: [typed, end, ''],
        validating: [value, end, ''],
        error: [typed, error, ''],
        submit: [value],
        cancel: [value],
      }[state];
      return [kleur.gray(S_BAR), barred(message, bar, symbol(state)), ...below].join('\n');
    },
  }).prompt();
}
