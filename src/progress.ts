import { basename, resolve } from 'node:path';
import kleur from 'kleur';
import type { PackageManager } from './package-managers.js';
import type { Answers } from './questions.js';
import type { StepName, StepReport } from './step-reports.js';
import { symbolsFor } from './symbols.js';

interface Progress {
  onStep(report: StepReport): void;
  onLine(line: string): void;
}

/** How each step is told: while it runs, when it is done, and when it is not. */
function words(name: StepName, project: string, packageManager: PackageManager): [string, string, string] {
  const table: Record<StepName, [string, string, string]> = {
    render: [`Making ${project}`, `Made ${project}`, 'Nothing made'],
    install: [`Installing with ${packageManager}`, `Installed with ${packageManager}`, 'Not installed'],
    build: ['Building', 'Built', 'Not built'],
    verify: ['Running its tests', 'Proved by its own tests', 'Not proved'],
    git: ['Making a git repository', 'Made a git repository', 'No git repository made'],
  };
  return table[name];
}

/**
 * Shows the steps in a terminal as they run: a turning sign with the last line of output, then how each ended and how
 * long it took. Elsewhere only the endings are written.
 */
export function showProgress(
  out: NodeJS.WriteStream,
  { directory, packageManager }: Pick<Answers, 'directory' | 'packageManager'>,
  env: NodeJS.ProcessEnv,
): Progress {
  const symbols = symbolsFor(env, process.platform);
  const project = basename(resolve(directory));
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
      const details = [...(report.note === undefined ? [] : [report.note]), ...time].join(', ');
      const [symbol, text] = {
        done: [kleur.green(symbols.done), done],
        skipped: [kleur.dim(symbols.skipped), not],
        failed: [kleur.red(symbols.failed), not],
      }[report.status] as [string, string];
      out.write(`${symbol}  ${text}${details === '' ? '' : kleur.dim(`  (${details})`)}\n`);
      for (const name of report.passed ?? [])
        out.write(`   ${kleur.green(symbols.tick)} ${kleur.dim(name)}\n`);
    },
    onLine(line) {
      live?.detail(line);
    },
  };
}

const hideCursor = '\x1b[?25l';
const showCursor = '\x1b[?25h';
const clearLine = '\r\x1b[2K';

/** One line at the bottom of a terminal that is written anew while something runs. */
class LiveLine {
  #timer: NodeJS.Timeout | undefined;
  #text = '';
  #detail = '';
  #frame = 0;

  constructor(
    private readonly out: NodeJS.WriteStream,
    private readonly frames: readonly string[],
  ) {}

  start(text: string) {
    this.#text = text;
    this.#detail = '';
    this.out.write(hideCursor);
    this.#timer = setInterval(() => this.#draw(), 80);
    this.#draw();
  }

  detail(line: string) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what moves the cursor has no place in this line
    this.#detail = line.replace(/\x1b\[[\d;?]*[A-Za-z]|[\x00-\x1f]/g, ' ').trim();
  }

  stop() {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.out.write(clearLine + showCursor);
  }

  #draw() {
    const frame = this.frames[this.#frame++ % this.frames.length] ?? '';
    // A line that wraps could not be cleared.
    const room = (this.out.columns ?? 80) - this.#text.length - 7;
    const detail = room > 10 && this.#detail !== '' ? kleur.dim(`  ${this.#detail.slice(0, room)}`) : '';
    this.out.write(`${clearLine}${kleur.magenta(frame)}  ${this.#text}${detail}`);
  }
}
