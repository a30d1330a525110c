import { stripVTControlCharacters } from 'node:util';
import pty from '@lydell/node-pty';
import xterm from '@xterm/headless';
import { onTestFinished, vi } from 'vitest';

export const keys = {
  enter: '\r',
  escape: '\x1b',
  ctrlC: '\x03',
  down: '\x1b[B',
  left: '\x1b[D',
  space: ' ',
};

export interface TerminalOptions {
  cwd: string;
  columns?: number;
  env: Record<string, string | undefined>;
}

/** A program in a real terminal, with somebody to read and type. */
export class Terminal {
  readonly #process: pty.IPty;
  readonly #screen: xterm.Terminal;
  #raw = '';
  /** The exit status, once the command has ended. */
  exitCode: number | undefined;

  constructor(program: string, args: readonly string[], { cwd, columns = 80, env }: TerminalOptions) {
    this.#screen = new xterm.Terminal({ cols: columns, rows: 40, scrollback: 1000, allowProposedApi: true });
    this.#process = pty.spawn(program, [...args], {
      cwd,
      cols: columns,
      rows: 40,
      env,
    });
    this.#process.onData((data) => {
      this.#raw += data;
      this.#screen.write(data);
    });
    this.#process.onExit(({ exitCode }) => {
      this.exitCode = exitCode;
    });
    onTestFinished(() => {
      if (this.exitCode === undefined) this.#process.kill('SIGKILL');
    });
  }

  /** All that was written so far, with what colours it and moves the cursor. */
  get raw(): string {
    return this.#raw;
  }

  /** The same as plain text. */
  get text(): string {
    return stripVTControlCharacters(this.#raw);
  }

  /** The lines as a person sees them, with what has scrolled away. */
  async lines(): Promise<string[]> {
    await new Promise<void>((written) => this.#screen.write('', written));
    const { active } = this.#screen.buffer;
    const lines = Array.from({ length: active.length }, (_, row) =>
      active.getLine(row)?.translateToString(true),
    );
    return lines.map((line) => line ?? '').slice(0, active.baseY + active.cursorY + 1);
  }

  type(...input: string[]): void {
    for (const text of input) this.#process.write(text);
  }

  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** Waits until a text has come up that was not there `after` a position. @returns the position after it */
  async see(text: string, after = 0): Promise<number> {
    return vi.waitFor(
      () => {
        const position = this.text.indexOf(text, after);
        if (position === -1) throw new Error(`"${text}" did not come up in:\n${this.text.slice(after)}`);
        return position + text.length;
      },
      { timeout: 15_000, interval: 20 },
    );
  }

  /** Answers questions one after the other: waits for each, then types. */
  async answer(...dialogue: (readonly [question: string, ...input: string[]])[]): Promise<void> {
    let seen = 0;
    for (const [question, ...input] of dialogue) {
      seen = await this.see(question, seen);
      this.type(...input);
    }
  }

  /** Ends what runs in the foreground, as Ctrl-C does. */
  async interrupt(): Promise<void> {
    this.type(keys.ctrlC);
    await this.end();
  }

  async end(timeout = 15_000): Promise<number> {
    return vi.waitFor(
      () => {
        if (this.exitCode === undefined) throw new Error(`it has not ended:\n${this.text}`);
        return this.exitCode;
      },
      { timeout, interval: 20 },
    );
  }
}
