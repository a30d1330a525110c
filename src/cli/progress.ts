import { basename, resolve } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { wrapTextWithPrefix } from '@clack/core';
import kleur from 'kleur';
import type { Answers, PackageManager } from '../answers/index.ts';
import { printable } from '../errors.ts';
import type { MakeOptions, StepName } from '../project/index.ts';
import { symbolsFor } from './symbols.ts';

/** The words for each step: while it runs, when it is done, and when it is not. */
function words(name: StepName, project: string, packageManager: PackageManager): [string, string, string] {
  const table: Record<StepName, [string, string, string]> = {
    render: [`Creating ${project}`, `Created ${project}`, 'Not created'],
    install: [`Installing with ${packageManager}`, `Installed with ${packageManager}`, 'Not installed'],
    build: ['Building', 'Built', 'Not built'],
    verify: ['Running its tests', 'Proved by its own tests', 'Not proved'],
    git: ['Creating a git repository', 'Created a git repository', 'No git repository'],
  };
  return table[name];
}

/**
 * Shows the steps as they run: in a terminal a spinner with the last line of output, then how each ended and how long
 * it took. Without a terminal only the ends are written.
 */
export function showProgress(
  out: NodeJS.WriteStream,
  { directory, packageManager }: Pick<Answers, 'directory' | 'packageManager'>,
  env: NodeJS.ProcessEnv,
): MakeOptions {
  const symbols = symbolsFor(env, process.platform);
  const project = printable(basename(resolve(directory)));
  const live = out.isTTY && env.TERM !== 'dumb' ? new LiveLine(out, symbols.spinner) : undefined;

  return {
    onStep(report) {
      const [running, done, not] = words(report.name, project, packageManager);
      if (report.status === 'running') {
        live?.start(running);
        return;
      }
      live?.stop();
      const time = report.milliseconds < 50 ? [] : [`${(report.milliseconds / 1000).toFixed(1)} s`];
      const details = printable([...(report.note === undefined ? [] : [report.note]), ...time].join(', '));
      const [symbol, text] = {
        done: [kleur.green(symbols.done), done],
        skipped: [kleur.dim(symbols.skipped), not],
        failed: [kleur.red(symbols.failed), not],
      }[report.status] as [string, string];
      out.write(`${symbol}  ${text}${details === '' ? '' : kleur.dim(`  (${details})`)}\n`);
      for (const name of report.passed ?? [])
        out.write(`   ${kleur.green(symbols.tick)} ${kleur.dim(printable(name))}\n`);
    },
    onLine(line) {
      live?.detail(line);
    },
  };
}

const hideCursor = '\x1b[?25l';
const showCursor = '\x1b[?25h';
const clearLine = '\r\x1b[2K';

/** The last line of a terminal, which is redrawn while something runs. */
class LiveLine {
  readonly #out: NodeJS.WriteStream;
  readonly #frames: readonly string[];
  #timer: NodeJS.Timeout | undefined;
  #text = '';
  #detail = '';
  #frame = 0;

  constructor(out: NodeJS.WriteStream, frames: readonly string[]) {
    this.#out = out;
    this.#frames = frames;
  }

  start(text: string) {
    this.#text = text;
    this.#detail = '';
    this.#out.write(hideCursor);
    this.#timer = setInterval(() => this.#draw(), 80);
    this.#draw();
  }

  detail(line: string) {
    this.#detail = printable(stripVTControlCharacters(line).replace(/\s+/g, ' ').trim());
  }

  stop() {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#out.write(clearLine + showCursor);
  }

  #draw() {
    const frame = this.#frames[this.#frame++ % this.#frames.length] ?? '';
    const text = this.#detail === '' ? this.#text : `${this.#text}  ${kleur.dim(this.#detail)}`;
    // Only what fits: a line that wraps could not be cleared. The last column stays free, as some terminals wrap there.
    const [line = ''] = wrapTextWithPrefix(this.#out, text, '    ').split('\n', 1);
    this.#out.write(`${clearLine}${kleur.magenta(frame)}  ${line.slice(4)}`);
  }
}
