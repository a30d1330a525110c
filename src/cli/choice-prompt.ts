import { MultiSelectPrompt, SelectPrompt } from '@clack/core';
import {
  limitOptions,
  MULTISELECT_INSTRUCTIONS,
  S_BAR,
  S_BAR_END,
  S_CHECKBOX_ACTIVE,
  S_CHECKBOX_INACTIVE,
  S_CHECKBOX_SELECTED,
  S_RADIO_ACTIVE,
  S_RADIO_INACTIVE,
  SELECT_INSTRUCTIONS,
  symbol,
  symbolBar,
} from '@clack/prompts';
import kleur from 'kleur';
import { barred, wrapped } from './bar.ts';

export interface Choice<Value> {
  value: Value;
  label: string;
}

interface ChoiceQuestion<Value> {
  message: string;
  options: Choice<Value>[];
  signal: AbortSignal;
}

/** Asks for one of the options. */
export function askChoice<Value>(question: ChoiceQuestion<Value> & { initial?: Value }) {
  const { message, options, initial, signal } = question;
  return new SelectPrompt<Choice<Value>>({
    options,
    signal,
    ...(initial !== undefined && { initialValue: initial }),
    render() {
      return drawn(message, options, SELECT_INSTRUCTIONS, {
        state: this.state,
        cursor: this.cursor,
        chosen: ({ value }) => value === options[this.cursor]?.value,
        mark: (isChosen) => (isChosen ? kleur.green(S_RADIO_ACTIVE) : kleur.dim(S_RADIO_INACTIVE)),
      });
    },
  }).prompt();
}

/** Asks for one or more of the options. */
export function askChoices<Value>(question: ChoiceQuestion<Value> & { initial: Value[] }) {
  const { message, options, initial, signal } = question;
  return new MultiSelectPrompt<Choice<Value>>({
    options,
    signal,
    initialValues: initial,
    validate: (values = []) => (values.length === 0 ? 'Choose at least one' : undefined),
    render() {
      const values = this.value ?? [];
      return drawn(message, options, MULTISELECT_INSTRUCTIONS, {
        state: this.state,
        error: this.error,
        cursor: this.cursor,
        chosen: ({ value }) => values.includes(value),
        mark(isChosen, isActive) {
          if (isChosen) return kleur.green(S_CHECKBOX_SELECTED);
          return isActive ? kleur.cyan(S_CHECKBOX_ACTIVE) : kleur.dim(S_CHECKBOX_INACTIVE);
        },
      });
    },
  }).prompt();
}

interface Drawing<Value> {
  state: Parameters<typeof symbol>[0];
  error?: string;
  cursor: number;
  chosen(option: Choice<Value>): boolean;
  mark(isChosen: boolean, isActive: boolean): string;
}

/** Draws a question. Unlike @clack/prompts, which counts the colours of its bar too, it wraps at the terminal's width. */
function drawn<Value>(
  message: string,
  options: Choice<Value>[],
  instructions: readonly string[],
  { state, error = '', cursor, chosen, mark }: Drawing<Value>,
): string {
  const bar = symbolBar(state) ?? kleur.gray(S_BAR);
  const head = [kleur.gray(S_BAR), barred(message, bar, symbol(state))].join('\n');
  if (state === 'submit' || state === 'cancel') {
    const labels = options.filter(chosen).map(({ label }) => label);
    return [head, barred(kleur.dim(labels.join(', ')), bar)].join('\n');
  }
  const foot = [
    barred(instructions.join(' • '), bar),
    error === '' ? kleur.cyan(S_BAR_END) : barred(kleur.yellow(error), ' ', kleur.yellow(S_BAR_END)),
    '',
  ].join('\n');
  const lines = limitOptions({
    options,
    cursor,
    rowPadding: `${head}\n${foot}`.split('\n').length,
    style(option, isActive) {
      const label = isActive ? option.label : kleur.dim(option.label);
      return wrapped(label, `${bar}    `, `${bar}  ${mark(chosen(option), isActive)} `);
    },
  });
  // Where options do not fit in the terminal's height there is a line with three dots.
  return [head, ...lines.map((line) => (line.startsWith(bar) ? line : `${bar}  ${line}`)), foot].join('\n');
}
