import { setMaxListeners } from 'node:events';
import kleur from 'kleur';
import { type Context, completeAnswers, overlayAnswers, readRecord } from '../answers/index.ts';
import { CreateError } from '../errors.ts';
import { currentDirectory, currentShell, planProject, runningPackageManager } from '../project/index.ts';
import { readArguments, wantsJson } from './arguments.ts';
import { reasonNotToAsk } from './asking.ts';
import { showProgress } from './progress.ts';
import {
  assumedText,
  existingFiles,
  failureText,
  fileTree,
  jsonError,
  jsonResult,
  nextStepsText,
  repeatCommand,
  summary,
} from './report.ts';
import { symbolsFor } from './symbols.ts';
import { warnings } from './warnings.ts';

const { env, stdout, stderr } = process;
const symbols = symbolsFor(env, process.platform);

/** Runs the command. @returns its exit status */
export async function main(argv: readonly string[]): Promise<number> {
  const cancel = new AbortController();
  setMaxListeners(0, cancel.signal); // each prompt adds a listener, and Node.js would warn of a leak at the eleventh
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => cancel.abort());
  try {
    await create(argv, cancel.signal);
    return 0;
  } catch (error) {
    const failure = asCreateError(error);
    if (wantsJson(argv)) stdout.write(`${jsonError(failure)}\n`);
    else stderr.write(failureText(failure, symbols.failed));
    if (env.DEBUG?.split(',').includes('create-mcp-sse')) console.error(error);
    return failure.exitStatus;
  }
}

async function create(argv: readonly string[], signal: AbortSignal): Promise<void> {
  const args = readArguments(argv, env);
  if (args.print !== undefined) {
    stdout.write(args.print);
    return;
  }
  const { given, settings } = args;
  const { json, dryRun } = settings;
  const context: Context = { cwd: currentDirectory(), packageManager: runningPackageManager() };
  const record = settings.config === undefined ? undefined : await readRecord(settings.config);
  const answered = overlayAnswers(record?.answers ?? {}, given);

  const notAsked = reasonNotToAsk(settings, process);
  const prompts = notAsked === undefined ? await import('./prompts.ts') : undefined;
  const asking = { ...context, signal };
  const chosen = prompts ? await prompts.askAnswers(answered, asking) : answered;
  const answers = completeAnswers(chosen, context);

  for (const warning of await warnings(answers, chosen, record?.generator)) {
    stderr.write(`${kleur.yellow(symbols.warning)}  ${warning}\n`);
  }
  const plan = await planProject(answers, { cwd: context.cwd, signal });
  if (prompts && !dryRun) {
    await prompts.confirmPlan([...summary(answers), ...existingFiles(plan.files)], asking);
  }
  if (notAsked && !json) stdout.write(assumedText(answers, answered, notAsked));

  if (dryRun) {
    const tree = `\n${fileTree(plan.files)}\n\n   This was a dry run: nothing was written.\n`;
    stdout.write(json ? `${jsonResult(plan)}\n` : tree);
    return;
  }
  const project = await plan.make(json ? {} : showProgress(stdout, answers, env));
  stdout.write(json ? `${jsonResult(project)}\n` : `\n${nextStepsText(project.nextSteps)}\n`);
  if (prompts) {
    const again = repeatCommand(answers, context, currentShell(env, process.platform));
    stdout.write(`\n   To create the same server again:\n   ${kleur.cyan(again)}\n`);
  }
}

function asCreateError(error: unknown): CreateError {
  if (error instanceof CreateError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new CreateError('unexpected', `${message} (DEBUG=create-mcp-sse shows where)`, { cause: error });
}
