import { TextPrompt } from '@clack/core';
import { S_BAR, S_BAR_END, symbol, symbolBar } from '@clack/prompts';
import kleur from 'kleur';
import { barred } from './bar.ts';

interface TextQuestion {
  message: string;
  /** The answer of who only presses Enter. */
  initial: string;
  /** Why an answer is refused; undefined if it is not. */
  problem(answer: string): string | undefined | Promise<string | undefined>;
  signal: AbortSignal;
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
