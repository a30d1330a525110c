import { stripVTControlCharacters } from 'node:util';
import kleur from 'kleur';
import { type Answers, allQuestions, type Context, defaultOf, flagName } from '../answers/index.ts';
import { type CreateError, printable } from '../errors.ts';
import {
  commandLine,
  type NextSteps,
  type PlannedFile,
  type Project,
  packageManagers,
  type Shell,
} from '../project/index.ts';

/** Answers as they are typed, such as `my-server --port 9000 --no-git`. */
export function asFlags(answers: Partial<Answers>, keys: readonly string[]): string[] {
  return allQuestions.flatMap((question) => {
    const value = answers[question.key];
    if (!keys.includes(question.key) || value === undefined) return [];
    if (question.when?.holds(answers) === false) return [];
    if (question.type.prompt === 'confirm') return [flagName(question, value)];
    return question.flag.startsWith('--') ? [flagName(question), String(value)] : [String(value)];
  });
}

/** Tells which answers are defaults that no flag, file or prompt has given. */
export function assumedText(
  answers: Answers,
  answered: Partial<Answers>,
  reason: string,
  shell: Shell,
): string {
  const keys = Object.keys(answers).filter((key) => !(key in answered));
  const assumed = commandLine(asFlags(answers, keys), shell);
  return kleur.dim(`Nothing was asked (${reason}). Assumed: ${printable(assumed)}\n`);
}

/** What the first word can be besides a directory: a directory of that name is written `./update`. */
function isSubcommand(word: string | undefined): word is 'update' | 'add' {
  return word === 'update' || word === 'add';
}

/** Answers that are not flags in the command that repeats a run: it has them in another place, or does not need them. */
const notRepeated = ['directory', 'packageManager', 'existing'];

/** The command that creates the same project again without asking. It omits defaults. */
export function repeatCommand(answers: Answers, context: Context, shell: Shell): string {
  const changed = allQuestions
    .filter((question) => String(answers[question.key]) !== String(defaultOf(question, answers, context)))
    .map(({ key }) => key);
  const flags = asFlags(
    answers,
    changed.filter((key) => !notRepeated.includes(key)),
  );
  const isOtherwiseRead = answers.directory.startsWith('-') || isSubcommand(answers.directory);
  const directory = isOtherwiseRead ? `./${answers.directory}` : answers.directory;
  const { create } = packageManagers[answers.packageManager];
  return `${create} ${commandLine([directory, ...flags, '--yes'], shell)}`;
}

/** The answers, one line each: in two columns if the terminal is wide enough. */
export function summary(answers: Answers, columns = 80): string[] {
  const rows = allQuestions
    .filter(({ key, recorded, when }) => key === 'directory' || (recorded && when?.holds(answers) !== false))
    .map(({ key, title }) => [title, shownValue(answers[key])] as const);
  const widest = (cells: string[]) => Math.max(...cells.map((cell) => cell.length));
  const first = widest(rows.map(([title]) => title));
  const frame = 7; // what the box around the lines takes
  const fits = first + 2 + widest(rows.map(([, value]) => value)) + frame <= columns;
  return rows.map(([title, value]) =>
    fits ? `${kleur.dim(title.padEnd(first))}  ${value}` : `${kleur.dim(`${title}:`)} ${value}`,
  );
}

/** An answer for people. */
export function shownValue(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  return printable(String(value));
}

/** What would be done to files that exist, one line for each action. */
export function existingFiles(files: readonly PlannedFile[]): string[] {
  return (['overwrite', 'keep'] as const).flatMap((action) => {
    const paths = files.filter((file) => file.action === action).map(({ path }) => path);
    return paths.length === 0 ? [] : [`${kleur.yellow(action)}  ${paths.join(', ')}`];
  });
}

/** The tree of files, each with what would be done to it. */
export function fileTree(files: readonly PlannedFile[]): string {
  const colour = { create: kleur.green, overwrite: kleur.yellow, keep: kleur.dim };
  const lines: string[] = [];
  let open: string[] = [];
  for (const { path, action } of files) {
    const folders = path.split('/');
    const name = folders.pop() ?? '';
    const shared = folders.findIndex((folder, depth) => folder !== open[depth]);
    for (const depth of folders.keys()) {
      if (shared !== -1 && depth >= shared)
        lines.push(`             ${'  '.repeat(depth)}${folders[depth]}/`);
    }
    open = folders;
    lines.push(`  ${colour[action](action.padEnd(9))}  ${'  '.repeat(folders.length)}${name}`);
  }
  return lines.join('\n');
}

/** What to do with the finished project. */
export function nextStepsText(steps: NextSteps): string {
  const { notes, packageJson, commands, page, own, claudeCode, clientConfig, urls } = steps;
  const { header, credential } = steps;
  // Without `credential`, which says how to get one, the header has the one that was made.
  const key =
    header && credential === undefined ? [painted(String, `It asks for the key: ${header.value}`)] : [];
  const addresses = Object.entries(urls).map(
    ([what, url]) => `${urlNames[what as keyof typeof urls].padEnd(16)} ${url}`,
  );
  const keptPackage = (lacking: object) => [
    painted(kleur.yellow, 'Your package.json was kept. First add this to it:'),
    painted(String, JSON.stringify(lacking, null, 2)),
  ];
  const sections = [
    ...notes.map((note) => [painted(kleur.yellow, note)]),
    ...(packageJson === undefined ? [] : [keptPackage(packageJson)]),
    [painted(kleur.cyan, ...commands)],
    [
      painted(String, `Open ${page} to try its tools.`),
      ...key,
      painted(String, `Add your own in ${own.tools}, register them in ${own.register}, and run ${own.test}.`),
    ],
    [painted(String, ...addresses)],
    [painted(String, 'Connect Claude Code:'), painted(kleur.cyan, claudeCode)],
    [painted(String, 'Other clients:', JSON.stringify(clientConfig, null, 2))],
    ...(credential === undefined ? [] : [[painted(String, credential)]]),
  ];
  return sections.map((section) => section.join('\n').replace(/^/gm, '   ')).join('\n\n');
}

/** Texts below one another, each of their lines printable and in this colour. */
function painted(colour: (line: string) => string, ...texts: string[]): string {
  const lines = texts.flatMap((text) => text.split('\n'));
  return lines.map((line) => colour(printable(line))).join('\n');
}

const urlNames: Record<keyof NextSteps['urls'], string> = {
  sse: 'SSE',
  messages: 'messages',
  streamableHttp: 'Streamable HTTP',
  health: 'health',
};

/** What `--json` prints. */
export function jsonResult({ directory, name, answers, files, steps, nextSteps }: Project): string {
  return JSON.stringify({ ok: true, directory, name, answers, files, steps, nextSteps });
}

/** How many lines of a failed program's output `--json` prints: the cause is at the end. */
const outputTail = 50;

/** What `--json` prints after a failure. */
export function jsonError({ code, message, flag, output, directory, resume }: CreateError): string {
  const tail = output?.trimEnd().split('\n').slice(-outputTail).join('\n');
  const next = resume.length > 0 ? resume : undefined;
  // JSON omits what is undefined.
  return JSON.stringify({ ok: false, error: { code, message, flag, directory, resume: next, output: tail } });
}

/** What is printed after a failure. */
export function failureText({ message, output, resume }: CreateError, failedSymbol: string): string {
  const printed = output === undefined ? '' : `\n${printableLines(output)}\n\n`;
  const next =
    resume.length === 0
      ? ''
      : `The project is written. Fix the cause, then finish it:\n\n   ${resume.map(printable).join('\n   ')}\n`;
  return `${printed}${kleur.red(failedSymbol)} ${message}\n${next}`;
}

function printableLines(output: string): string {
  const lines = stripVTControlCharacters(output)
    .replaceAll('\t', '  ')
    .split(/\r?\n|\r/);
  return lines.map(printable).join('\n');
}
