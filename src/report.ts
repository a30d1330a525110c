import kleur from 'kleur';
import type { CreatedProject } from './create-project.js';
import type { CreateError } from './errors.js';
import type { NextSteps } from './next-steps.js';
import { packageManagers } from './package-managers.js';
import { type AnswerKey, type Answers, allQuestions, flagName } from './questions.js';
import { commandLine, type Shell } from './quote.js';
import type { PlannedFile } from './target.js';

/** The answers as they are typed, such as `my-server --port 9000 --no-git`. */
export function asFlags(answers: Partial<Answers>, keys: readonly string[]): string[] {
  return allQuestions.flatMap((question) => {
    const value = answers[question.key];
    if (!keys.includes(question.key) || value === undefined) return [];
    if (question.when?.holds(answers) === false) return [];
    if (question.accepts.kind === 'yes-no') return [flagName(question, value)];
    return question.flag.startsWith('--') ? [flagName(question), String(value)] : [String(value)];
  });
}

/** Answers that the command line to repeat a run does without: its own words say them, or they do not matter again. */
const notRepeated = ['directory', 'packageManager', 'existing'];

/** The command that makes the same project again without asking. What is the default anyway is left out. */
export function repeatCommand(answers: Answers, defaults: Answers, shell: Shell): string {
  const changed = Object.keys(answers).filter(
    (key) => String(answers[key as AnswerKey]) !== String(defaults[key as AnswerKey]),
  );
  const flags = asFlags(
    answers,
    changed.filter((key) => !notRepeated.includes(key)),
  );
  const directory = answers.directory.startsWith('-') ? `./${answers.directory}` : answers.directory;
  const { create } = packageManagers[answers.packageManager];
  return `${create} ${commandLine([directory, ...flags, '--yes'], shell)}`;
}

/** The answers as lines for the eye. */
export function summary(answers: Answers): string[] {
  const shown = allQuestions.filter(
    ({ key, recorded, when }) => key === 'directory' || (recorded && when?.holds(answers) !== false),
  );
  const width = Math.max(...shown.map(({ title }) => title.length));
  return shown.map(({ key, title }) => {
    const value = answers[key];
    const text = typeof value === 'boolean' ? (value ? 'yes' : 'no') : String(value);
    return `${kleur.dim(title.padEnd(width))}  ${text}`;
  });
}

/** What would happen to the files that are there already, as lines for the eye. */
export function existingFiles(files: readonly PlannedFile[]): string[] {
  return (['overwrite', 'keep'] as const).flatMap((action) => {
    const paths = files.filter((file) => file.action === action).map(({ path }) => path);
    return paths.length === 0 ? [] : [`${kleur.yellow(action)}  ${paths.join(', ')}`];
  });
}

/** What a dry run prints: each file of the project with what would be done to it. */
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
  const { notes, packageJson, commands, claudeCode, clientConfig, credential, urls } = steps;
  const sections = [
    ...notes.map((note) => kleur.yellow(note)),
    ...(packageJson === undefined
      ? []
      : [
          `Your package.json was kept. ${kleur.yellow('Put this into it first:')}\n${JSON.stringify(packageJson, null, 2)}`,
        ]),
    commands.map((command) => kleur.cyan(command)).join('\n'),
    [...Object.entries(urls)]
      .map(([what, url]) => `${urlNames[what as keyof typeof urls].padEnd(16)} ${url}`)
      .join('\n'),
    `Connect Claude Code:\n${kleur.cyan(claudeCode)}`,
    `Other clients:\n${JSON.stringify(clientConfig, null, 2)}`,
    ...(credential === undefined ? [] : [credential]),
  ];
  return sections.map((section) => section.replace(/^/gm, '   ')).join('\n\n');
}

const urlNames: Record<keyof NextSteps['urls'], string> = {
  sse: 'SSE',
  messages: 'messages',
  streamableHttp: 'Streamable HTTP',
  health: 'health',
};

/** What `--json` prints. */
export function jsonResult({ directory, name, answers, files, steps, nextSteps }: CreatedProject): string {
  return JSON.stringify({ ok: true, directory, name, answers, files, steps, nextSteps });
}

/** Lines of a failed program's output that `--json` hands on: what went wrong stands at the end. */
const outputTail = 50;

/** What `--json` prints of a failure. */
export function jsonError({ code, message, flag, output, directory, resume }: CreateError): string {
  const tail = output?.trimEnd().split('\n').slice(-outputTail).join('\n');
  return JSON.stringify({
    ok: false,
    // What is undefined is left out.
    directory,
    error: { code, message, flag, output: tail },
    resume: directory === undefined ? undefined : resume,
  });
}
