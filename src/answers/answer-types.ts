import { homedir } from 'node:os';
import { join } from 'node:path';
import validatePackageName from 'validate-npm-package-name';
// The generated server checks its settings with the same file, so the two agree on every answer.
import { type Kind, listLike, oneOf } from '../../templates/shared/src/settings/kinds.ts';

/**
 * The type of an answer. One object serves the flag, the prompt and the config file, so the three cannot differ.
 * A parsed value parses to itself.
 */
export interface AnswerType<T> {
  /** How the question is asked in a terminal. */
  readonly prompt: 'text' | 'select' | 'multiselect' | 'confirm';
  /** Completes the sentence "--port 70000 must be …". */
  readonly mustBe: string;
  /** For `select` and `multiselect`: each choice with its meaning. */
  readonly choices?: Readonly<Record<string, string>>;
  /** The value, or undefined if the input is not one. */
  parse(input: unknown): T | undefined;
}

/** A value that is typed. A config file may also hold it as it is parsed, such as the number 8080. */
export function text<T>(kind: Kind<T>): AnswerType<T> {
  return {
    prompt: 'text',
    mustBe: kind.mustBe,
    parse(input) {
      const value = kind.parse(String(input));
      return typeof input === 'string' || input === value ? value : undefined;
    },
  };
}

/** One of several choices. */
export function select<const C extends string>(choices: Record<C, string>): AnswerType<C> {
  const { mustBe, parse } = oneOf(Object.keys(choices) as C[]);
  return {
    prompt: 'select',
    mustBe,
    choices,
    parse: (input) => (typeof input === 'string' ? parse(input) : undefined),
  };
}

/** One or more of several choices: a list in a config file, separated by commas in a flag. */
export function multiselect<const C extends string>(choices: Record<C, string>): AnswerType<C[]> {
  const names = Object.keys(choices) as C[];
  const list = listLike(
    new RegExp(`^(?:${names.join('|')})$`),
    `a comma-separated list of ${names.join(' and ')}`,
  );
  return {
    prompt: 'multiselect',
    mustBe: list.mustBe,
    choices,
    parse(input) {
      const chosen = typeof input === 'string' ? list.parse(input) : input;
      if (!Array.isArray(chosen) || chosen.length === 0) return undefined;
      if (!chosen.every((name) => names.includes(name))) return undefined;
      return names.filter((name) => chosen.includes(name)); // in one order, each once
    },
  };
}

/** Yes or no. */
export function confirm(): AnswerType<boolean> {
  return {
    prompt: 'confirm',
    mustBe: 'true or false',
    parse: (input) => (typeof input === 'boolean' ? input : undefined),
  };
}

export function directoryPath(): Kind<string> {
  return {
    mustBe: 'a path',
    parse(text) {
      if (text.trim() === '' || text.includes('\0')) return undefined;
      // A shell expands it, but not in a prompt or a config file. A directory called "~" is never meant.
      return /^~(?=$|[/\\])/.test(text) ? join(homedir(), text.slice(1)) : text;
    },
  };
}

export function packageName(): Kind<string> {
  return {
    mustBe: 'a lower-case npm package name such as my-server or @me/my-server',
    parse: (text) => (validatePackageName(text).validForNewPackages ? text : undefined),
  };
}

/** A text as a package name, or the nearest that is valid; undefined if nothing of it can be kept. */
export function toPackageName(text: string): string | undefined {
  if (!text.startsWith('@') && packageName().parse(text) !== undefined) return text;
  const name = text
    .normalize('NFKD')
    .replace(/\p{M}/gu, '') // NFKD has split é into e and an accent
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[-._]+|[-._]+$/g, '')
    .slice(0, 214);
  return packageName().parse(name);
}
