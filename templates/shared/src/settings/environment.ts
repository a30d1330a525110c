import {
  byteSize,
  hostName,
  type Kind,
  listLike,
  oneOf,
  pathPrefix,
  text,
  textLike,
  urlPath,
  wholeNumber,
} from './kinds.ts';

/** What is wrong with the settings, one line for each mistake. */
export class SettingsError extends Error {}

/** A setting as README.md lists it. */
export interface SettingRow {
  name: string;
  /** As it would be set; empty if there is none. */
  default: string;
  description: string;
}

/**
 * Reads settings from environment variables. A bad value is noted and reading goes on, so that `finish` can name every
 * mistake at once. Secrets are never repeated.
 */
export class Environment {
  /** Every setting that was read, in order. */
  readonly rows: SettingRow[] = [];

  readonly #variables: NodeJS.ProcessEnv;
  readonly #mistakes: string[] = [];
  readonly #effective: string[] = [];

  constructor(variables: NodeJS.ProcessEnv) {
    this.#variables = variables;
  }

  // Each kind of setting has its name, its default as it would be set (empty for none), and what README.md says of it:
  // what it means, its unit, the reason for its default.

  text(name: string, fallback: string, description: string): string {
    return this.#read(name, text(), fallback, description) ?? '';
  }

  wholeNumber(name: string, fallback: number, range: { min: number; max: number }, description: string) {
    return this.#read(name, wholeNumber(range), String(fallback), description) ?? fallback;
  }

  /** A size such as `4mb`. */
  size(name: string, fallback: string, range: { min: string; max: string }, description: string): string {
    return this.#read(name, byteSize(range), fallback, description) ?? fallback;
  }

  /** The path of an endpoint. */
  path(name: string, fallback: string, description: string): string {
    return this.#read(name, urlPath(), fallback, description) ?? fallback;
  }

  /** The path in front of all others; empty for none. */
  pathPrefix(name: string, description: string): string {
    return this.#read(name, pathPrefix(), '', description) ?? '';
  }

  /** A host name or an IP address. */
  host(name: string, fallback: string, description: string): string {
    return this.#read(name, hostName(), fallback, description) ?? fallback;
  }

  /** One of several words. Without a default it may be undefined. */
  oneOf<C extends string>(name: string, fallback: C, choices: readonly C[], description: string): C;
  oneOf<C extends string>(
    name: string,
    fallback: '',
    choices: readonly C[],
    description: string,
  ): C | undefined;
  oneOf<C extends string>(name: string, fallback: C | '', choices: readonly C[], description: string) {
    return this.#read(name, oneOf(choices), fallback, description);
  }

  /** Several texts with commas between them, each like `pattern`. */
  list(
    name: string,
    fallback: readonly string[],
    pattern: RegExp,
    mustBe: string,
    description: string,
  ): string[] {
    return this.#read(name, listLike(pattern, mustBe), fallback.join(','), description) ?? [];
  }

  /** A text like `pattern`. */
  like(name: string, fallback: string, pattern: RegExp, mustBe: string, description: string): string {
    return this.#read(name, textLike(pattern, mustBe), fallback, description) ?? '';
  }

  /** The descriptor of a socket that systemd opened for this process, if it did: man 3 sd_listen_fds. */
  get givenSocket(): number | undefined {
    const { LISTEN_FDS, LISTEN_PID } = this.#variables;
    return Number(LISTEN_FDS) > 0 && LISTEN_PID === String(process.pid) ? 3 : undefined;
  }

  /** A secret, without blanks around it; empty if it is not set. */
  secret(name: string, description: string): string {
    const value = this.#variables[name]?.trim() ?? '';
    this.rows.push({ name, default: '', description });
    this.#effective.push(`${name}=${value === '' ? '' : '(set)'}`);
    return value;
  }

  /** Notes a mistake. */
  refuse(mistake: string): void {
    this.#mistakes.push(mistake);
  }

  /** Makes something of settings; what `create` throws is a mistake. Call `finish` before the result is used. */
  attempt<T>(create: () => T): T {
    try {
      return create();
    } catch (error) {
      this.refuse((error as Error).message);
      return undefined as T;
    }
  }

  /** @throws {SettingsError} if anything was wrong */
  finish(): void {
    if (this.#mistakes.length > 0) throw new SettingsError(this.#mistakes.join('\n'));
  }

  /** The effective settings, one line each, as a .env file has them; of a secret only whether it is set. */
  effective(): string {
    return this.#effective.join('\n');
  }

  #read<T>(name: string, kind: Kind<T>, fallback: string, description: string): T | undefined {
    this.rows.push({ name, default: fallback, description });
    // An empty variable counts as not set: that is what `NAME=` in a .env file is meant to say.
    const given = this.#variables[name] || fallback;
    const value = given === '' ? undefined : kind.parse(given);
    if (value === undefined && given !== fallback) {
      this.refuse(`${name}=${printable(given)} must be ${kind.mustBe}`);
      return kind.parse(fallback);
    }
    const text = value === undefined ? '' : String(value);
    this.#effective.push(`${name}=${/[\s"'#]/.test(text) ? JSON.stringify(text) : text}`);
    return value;
  }
}

/** On one line, without characters that a terminal would obey. */
function printable(value: string): string {
  return /^[\P{C}]*$/u.test(value) ? value : JSON.stringify(value);
}
