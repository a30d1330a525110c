import { readFileSync } from 'node:fs';

/** What is wrong with the settings, one line each. */
export class SettingsError extends Error {}

/**
 * Reads settings from environment variables. A bad value is noted and reading goes on, so that `finish`
 * can name every mistake at once. Values that are secret are never repeated. The kinds of value that this server does
 * not need are there for settings of yours.
 */
export class Environment {
  readonly #variables: NodeJS.ProcessEnv;
  readonly #mistakes: string[] = [];
  readonly #inForce: string[] = [];

  constructor(variables: NodeJS.ProcessEnv) {
    this.#variables = variables;
  }

  /** Notes a mistake. */
  refuse(mistake: string): void {
    this.#mistakes.push(mistake);
  }

  /**
   * Makes something out of settings; what `create` throws is noted as a mistake.
   * What is returned then must not be used, which `finish` sees to.
   */
  make<T>(create: () => T): T {
    try {
      return create();
    } catch (error) {
      this.refuse((error as Error).message);
      return undefined as T;
    }
  }

  /** The settings in force, a line each, as a .env file has them; of a secret only whether it is set. */
  inForce(): string {
    return this.#inForce.join('\n');
  }

  /** @throws {SettingsError} when anything was wrong */
  finish(): void {
    if (this.#mistakes.length > 0) throw new SettingsError(this.#mistakes.join('\n'));
  }

  text(name: string, fallback: string): string {
    return this.#read(name, fallback, 'any text', (value) => value);
  }

  /** A secret, or an empty text when it is not set. */
  secret(name: string): string {
    const value = this.#variables[name] ?? '';
    this.#inForce.push(`${name}=${value === '' ? '' : '(set)'}`);
    return value;
  }

  wholeNumber(name: string, fallback: number, { min, max }: { min: number; max: number }): number {
    return this.#read(name, fallback, `a whole number from ${min} to ${max}`, (value) => {
      const number = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
      return number >= min && number <= max ? number : undefined;
    });
  }

  /** A size such as `4mb`, in bytes. */
  bytes(name: string, fallback: string): number {
    const size = this.#read(name, fallback, 'a size such as 512kb or 4mb', (value) =>
      toBytes(value) === undefined ? undefined : value,
    );
    return toBytes(size) as number;
  }

  /** A path that starts with a slash. */
  path(name: string, fallback: string): string {
    return this.#read(name, fallback, 'a path such as /sse', (value) =>
      /^\/[\w.~/-]*$/.test(value) && !value.includes('..') ? trimSlash(value) : undefined,
    );
  }

  /** A path prefix; empty for none. */
  pathPrefix(name: string): string {
    return this.#read(name, '', 'a path such as /my-server, or nothing', (value) =>
      /^(\/[\w.~-]+)*\/?$/.test(value) && !value.includes('..')
        ? trimSlash(value).replace(/^\/$/, '')
        : undefined,
    );
  }

  headerName(name: string, fallback: string): string {
    return this.#read(name, fallback, 'the name of a header such as X-API-Key', (value) =>
      /^[\w-]+$/.test(value) ? value : undefined,
    );
  }

  /** One or more of the `allowed` values, with commas between them. */
  list<T extends string>(name: string, fallback: readonly T[], allowed: readonly T[]): readonly T[] {
    const form = new RegExp(`^(${allowed.join('|')})$`);
    return this.#list(name, fallback, allowed.join(', '), form) as T[];
  }

  /** Texts with commas between them. */
  texts(name: string, fallback: readonly string[]): readonly string[] {
    return this.#list(name, fallback, 'one value or more', /./);
  }

  /** Host names with commas between them; `*` is any. */
  hosts(name: string, fallback: readonly string[]): readonly string[] {
    const form = /^(\*|[\w.-]+|\[[\da-f:.]+\])$/i;
    return this.#list(name, fallback, 'host names without scheme and port', form);
  }

  /** Origins with commas between them; `*` is any, `loopback` are those of this machine. */
  origins(name: string, fallback: readonly string[]): readonly string[] {
    const form = /^(\*|loopback|[a-z][\w+.-]*:\/\/[^/\s]+)$/i;
    return this.#list(name, fallback, 'origins such as https://app.example.com', form);
  }

  #list(name: string, fallback: readonly string[], accepted: string, form: RegExp): readonly string[] {
    return this.#read(name, fallback, `a comma list of ${accepted}`, (value) => {
      const parts = value.split(',').flatMap((part) => part.trim() || []);
      // A stray comma must not switch off a check.
      return parts.length > 0 && parts.every((part) => form.test(part)) ? parts : undefined;
    });
  }

  oneOf<T extends string>(name: string, fallback: T, choices: readonly T[]): T {
    return this.#read(name, fallback, `one of ${choices.join(', ')}`, (value) =>
      choices.find((choice) => choice === value),
    );
  }

  flag(name: string, fallback: boolean): boolean {
    return this.oneOf(name, fallback ? 'true' : 'false', ['true', 'false']) === 'true';
  }

  /** The contents of the file that a variable names; undefined when the variable is not set. */
  file(name: string): string | undefined {
    const path = this.text(name, '');
    if (path === '') return undefined;
    try {
      return readFileSync(path, 'utf8');
    } catch (error) {
      this.refuse(`${name}=${path}: the file cannot be read (${(error as NodeJS.ErrnoException).code})`);
      return undefined;
    }
  }

  #read<T>(name: string, fallback: T, accepted: string, parse: (value: string) => T | undefined): T {
    const value = this.#variables[name];
    let result = fallback;
    // An empty variable counts as not set: that is what `NAME=` in a .env file is meant to say.
    if (value !== undefined && value !== '') {
      const parsed = parse(value);
      if (parsed === undefined) this.refuse(`${name}=${value}: ${accepted} is accepted`);
      else result = parsed;
    }
    const text = String(result);
    this.#inForce.push(`${name}=${/[\s"'#]/.test(text) ? JSON.stringify(text) : text}`);
    return result;
  }
}

const units = { b: 1, kb: 1024, mb: 1024 ** 2 };

function toBytes(size: string): number | undefined {
  const match = /^(\d{1,9})(b|kb|mb)$/i.exec(size);
  if (match === null) return undefined;
  const bytes = Number(match[1]) * units[match[2]?.toLowerCase() as keyof typeof units];
  return bytes >= 1024 && bytes <= 256 * 1024 ** 2 ? bytes : undefined;
}

function trimSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}
