import kleur from 'kleur';
import { CreateError, failures, printable } from '../errors.ts';
import { commandLine, installCommand, type Shell, scriptCommand } from '../project/index.ts';
import { planUpdate, type Update, type UpdateAction, type UpdatePlan } from '../update/index.ts';
import { readArguments } from './arguments.ts';
import { npmHints } from './npm-options.ts';
import { showProgress } from './progress.ts';

/** Where a subcommand prints, and for whom. */
export interface Terminal {
  env: NodeJS.ProcessEnv;
  stdout: NodeJS.WriteStream;
  shell: Shell;
  warn(text: string): void;
}

/** Options that mean nothing in a project that exists. */
const meaningless = { existing: '--existing', git: '--no-git', config: '--config' };

/** Runs `create-mcp-sse update [directory] [flags]`. @returns the exit status */
export async function update(
  argv: readonly string[],
  { env, stdout, shell, warn }: Terminal,
  signal: AbortSignal,
): Promise<number> {
  const args = readArguments(argv, env);
  if (args.print !== undefined) {
    stdout.write(args.print);
    return 0;
  }
  const { given, settings, typed } = args;
  for (const [key, flag] of Object.entries(meaningless)) {
    if (typed.includes(key))
      throw new CreateError('bad_input', `${flag} must be left out of an update`, { flag });
  }
  for (const hint of npmHints(typed, env)) warn(hint);
  const { json, dryRun } = settings;

  const plan = await planUpdate(given, { signal });
  if (json && (dryRun || plan.upToDate)) stdout.write(`${updateJson(plan)}\n`);
  if (!json) stdout.write(`${planText(plan)}\n`);
  if (plan.upToDate) return 0;
  if (dryRun) {
    if (!json) stdout.write('\n   This was a dry run: nothing was written.\n');
    return 0;
  }

  const { packageManager } = plan.answers;
  const progress = json ? {} : showProgress(stdout, { directory: plan.directory, packageManager }, env);
  const done = await plan.make(progress);
  stdout.write(json ? `${updateJson(done)}\n` : `\n${afterText(done, shell)}\n`);
  return conflictsOf(done).length === 0 ? 0 : failures.conflicts;
}

/** Each place where the markers of a conflict begin, as editors open it. */
function conflictsOf({ files }: Update): string[] {
  return files
    .filter(({ action }) => action === 'conflict')
    .flatMap(({ path, lines = [] }) =>
      lines.length === 0 ? [path] : lines.map((line) => `${path}:${line}`),
    );
}

const colours: Record<UpdateAction, (text: string) => string> = {
  update: kleur.green,
  merge: kleur.green,
  conflict: kleur.red,
  add: kleur.green,
  delete: kleur.yellow,
  keep: kleur.dim,
};

/** What is done to each file, and what is not. */
function planText(plan: UpdatePlan): string {
  const { name, from, to, files, notApplied, variables, notes, news, upToDate, resumed } = plan;
  if (upToDate)
    return [`${printable(name)} is up to date with create-mcp-sse ${to}.`, ...indented(notes)].join('\n');
  const title =
    from === to
      ? `Updating ${printable(name)} to other answers, with create-mcp-sse ${to}`
      : `Updating ${printable(name)} from create-mcp-sse ${from} to ${to}`;
  return [
    `${title}${resumed ? ', as the run before began it' : ''}`,
    '',
    ...files.map(({ path, action, lines = [] }) => {
      const where = lines.length === 0 ? '' : `:${lines.join(', ')}`;
      return `  ${colours[action](action.padEnd(9))} ${printable(path)}${where}`;
    }),
    ...(news.length === 0
      ? []
      : ['', `  New since ${from}:`, ...news.map((line) => `  - ${printable(line)}`)]),
    ...(variables.length === 0
      ? []
      : ['', `  .env gains ${variables.join(', ')}, each secret freshly made.`]),
    ...(notes.length === 0 ? [] : ['', ...indented(notes)]),
    ...notApplied.flatMap(({ path, why, difference }) => [
      '',
      kleur.yellow(`  Not applied: ${printable(path)}: ${why}.`),
      ...difference
        .split('\n')
        .filter(Boolean)
        .map((line) => kleur.dim(`    ${printable(line)}`)),
    ]),
    '',
  ].join('\n');
}

function indented(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${printable(line)}`);
}

/** How to see the update, to undo it, and to go on. */
function afterText(done: Update, shell: Shell): string {
  const { directory, files, variables, answers } = done;
  const git = (...words: string[]) => commandLine(['git', '-C', directory, ...words], shell);
  const added = files
    .filter(({ path, action }) => action === 'add' && path !== '.env')
    .map(({ path }) => path);
  const manager = answers.packageManager;
  const next =
    conflictsOf(done).length === 0
      ? []
      : [
          kleur.red(`These places conflict: ${conflictsOf(done).map(printable).join(', ')}`),
          'Resolve each, between <<<<<<< and >>>>>>>, then:',
          kleur.cyan(installCommand(manager)),
          kleur.cyan(scriptCommand(manager, 'build')),
          kleur.cyan(scriptCommand(manager, 'test')),
          '',
        ];
  return [
    ...next,
    'To see what changed:',
    kleur.cyan(git('diff', '--', '.')),
    ...(added.length === 0 ? [] : [kleur.dim(`and the new files: ${added.map(printable).join(', ')}`)]),
    '',
    'To undo all of it:',
    kleur.cyan(git('restore', '--', '.')),
    ...(added.length === 0 ? [] : [kleur.cyan(git('clean', '--force', '--', ...added))]),
    ...(variables.length === 0 ? [] : [`and delete ${variables.join(', ')} from .env`]),
  ]
    .map((line) => (line === '' ? '' : `   ${line}`))
    .join('\n');
}

/** What `--json` prints. */
function updateJson(update: Update | UpdatePlan): string {
  const { directory, name, from, to, answers, files, notApplied, variables, notes, news, steps } = update;
  const conflicts = conflictsOf(update);
  const error = { code: 'conflicts', message: `these places conflict: ${conflicts.join(', ')}` };
  return JSON.stringify({
    ok: conflicts.length === 0,
    ...(conflicts.length > 0 && { error }),
    ...{ directory, name, from, to, answers, files, notApplied, variables, notes, news, steps },
  });
}
