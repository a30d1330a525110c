import { isIP } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import validatePackageName from 'validate-npm-package-name';

/**
 * What a question accepts. One of these serves its flag, its prompt and the config file, so that the three cannot
 * differ. A parsed value is accepted again unchanged.
 */
export interface Accepts<T> {
  /** How the question is put in a terminal. */
  readonly kind: 'text' | 'one' | 'many' | 'yes-no';
  /** Completes the sentence "... is accepted". */
  readonly what: string;
  /** For the kinds `one` and `many`: each choice with what it means. */
  readonly choices?: Readonly<Record<string, string>>;
  /** The value, or undefined when the input is not accepted. */
  parse(input: unknown): T | undefined;
}

export function wholeNumber({ min, max }: { min: number; max: number }): Accepts<number> {
  return {
    kind: 'text',
    what: `a whole number from ${min} to ${max}`,
    parse(input) {
      if (!/^\d{1,15}$/.test(String(input))) return undefined;
      const number = Number(input);
      return number >= min && number <= max ? number : undefined;
    },
  };
}

/** A path as it stands in a request line: what is compared there byte for byte must need no decoding. */
export function urlPath(): Accepts<string> {
  return {
    kind: 'text',
    what: 'a path such as /sse that starts with "/" and has no "//", "..", space, query or fragment',
    parse(input) {
      if (typeof input !== 'string' || !/^\/[\w\-.~!$&'()*+,;=:@/]*$/.test(input)) return undefined;
      // Clients would read //host/path as another server's address.
      if (input.includes('//') || input.includes('..')) return undefined;
      // The server takes it away from what clients ask for, and compares the rest.
      return input === '/' ? input : input.replace(/\/$/, '');
    },
  };
}

const bytesIn = { b: 1, kb: 1024, mb: 1024 * 1024 };

/** A size such as `4mb`, kept as text: the generated project is read by people. Whole numbers only come out. */
export function byteSize({ min, max }: { min: string; max: string }): Accepts<string> {
  const limits = { min: sizeInBytes(min) ?? 0, max: sizeInBytes(max) ?? Infinity };
  return {
    kind: 'text',
    what: `a size from ${min} to ${max} in b, kb or mb`,
    parse(input) {
      const bytes = sizeInBytes(input);
      if (bytes === undefined || bytes < limits.min || bytes > limits.max) return undefined;
      const text = String(input)
        .toLowerCase()
        .replace(/^0+(?=\d)/, '');
      return text.includes('.') ? `${bytes}b` : text;
    },
  };
}

/** How many bytes `4mb` is, or undefined when that is no size of whole bytes. */
export function sizeInBytes(input: unknown): number | undefined {
  const match = /^(\d{1,12}(?:\.\d{1,6})?)(b|kb|mb)$/i.exec(String(input));
  if (!match) return undefined;
  const bytes = Number(match[1]) * bytesIn[match[2]?.toLowerCase() as keyof typeof bytesIn];
  return Number.isInteger(bytes) ? bytes : undefined;
}

export function oneOf<const C extends string>(choices: Record<C, string>): Accepts<C> {
  return {
    kind: 'one',
    what: orList(Object.keys(choices)),
    choices,
    parse: (input) => (typeof input === 'string' && Object.hasOwn(choices, input) ? (input as C) : undefined),
  };
}

/** One or more of some words: a list in the config file, separated by commas in a flag. Order and doubles do not matter. */
export function listOf<const C extends string>(choices: Record<C, string>): Accepts<C[]> {
  const known = Object.keys(choices) as C[];
  return {
    kind: 'many',
    what: `a comma list of ${known.join(' and ')}`,
    choices,
    parse(input) {
      const words = Array.isArray(input)
        ? input
        : String(input)
            .split(',')
            .map((word) => word.trim());
      if (words.length === 0 || !words.every((word) => known.includes(word))) return undefined;
      return known.filter((word) => words.includes(word));
    },
  };
}

export function yesNo(): Accepts<boolean> {
  return {
    kind: 'yes-no',
    what: 'true or false',
    parse: (input) => (typeof input === 'boolean' ? input : undefined),
  };
}

export function directoryPath(): Accepts<string> {
  return {
    kind: 'text',
    what: 'a path',
    parse(input) {
      if (typeof input !== 'string' || input.trim() === '' || input.includes('\0')) return undefined;
      // No shell has expanded it in a prompt or a config file, and nobody wants a directory called "~".
      return /^~(?=$|[/\\])/.test(input) ? join(homedir(), input.slice(1)) : input;
    },
  };
}

export function packageName(): Accepts<string> {
  return {
    kind: 'text',
    what: 'a lower-case npm package name such as my-server or @me/my-server',
    parse: (input) =>
      typeof input === 'string' && validatePackageName(input).validForNewPackages ? input : undefined,
  };
}

/** The nearest valid package name to any text, or undefined when nothing of it can be kept. */
export function toPackageName(text: string): string | undefined {
  const name = text
    .normalize('NFKD')
    .replace(/\p{M}/gu, '') // é is now e and an accent
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[-._]+|[-._]+$/g, '')
    .slice(0, 214);
  return packageName().parse(name);
}

export function hostName(): Accepts<string> {
  return {
    kind: 'text',
    what: 'an IP address or a host name',
    parse(input) {
      if (typeof input !== 'string' || input.length > 253) return undefined;
      const host = input.replace(/^\[(.*)\]$/, '$1').toLowerCase();
      if (isIP(host)) return host;
      const labels = host.split('.');
      const valid = labels.every((label) => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(label));
      // A last label of digits only is a mistyped IP address, never a host name.
      return valid && !/^\d+$/.test(labels.at(-1) ?? '') ? host : undefined;
    },
  };
}

function orList(words: string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}
