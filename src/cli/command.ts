import { setMaxListeners } from 'node:events';
import kleur from 'kleur';
import { type Context, completeAnswers, overlayAnswers, readRecord } from '../answers/index.ts';
import { CreateError, printable } from '../errors.ts';
import {
  createRun,
  currentDirectory,
  currentShell,
  planProject,
  runningPackageManager,
} from '../project/index.ts';
import { generatorVersion } from '../version.ts';
import { add } from './add.ts';
import { readArguments, wantsJson } from './arguments.ts';
import { reasonNotToAsk } from './asking.ts';
import { lostAuth, npmHints } from './npm-options.ts';
import { portInUse } from './port-in-use.ts';
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
import { type Terminal, update } from './update.ts';
import { warnings } from './warnings.ts';

const { env, stdout, stderr } = process;
const symbols = symbolsFor(env, process.platform);
const shell = currentShell(env, process.platform);
const terminal: Terminal = {
  env,
  stdout,
  shell,
  warn: (text) => stderr.write(`${kleur.yellow(symbols.warning)}  ${printable(text)}\n`),
};

/** Runs the command. @returns its exit status */
export async function main(argv: readonly string[]): Promise<number> {
  const cancel = new AbortController();
  const { signal } = cancel;
  setMaxListeners(0, signal); // each prompt adds a listener, and Node.js would warn of a leak at the eleventh
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => cancel.abort());
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    // The reader may go away early, as `| head` does. The project is created nevertheless.
    if (error.code !== 'EPIPE') cancel.abort(cannotPrint(error));
  });
  stderr.on('error', () => {}); // there is no other place to say it

  try {
    const [first, ...rest] = argv.filter((word, index) => index > 0 || word !== '--');
    let status = 0;
    if (first === 'update') status = await update(rest, terminal, signal);
    else if (first === 'add') await add(rest, terminal, signal);
    else await create(argv, signal);
    await outputWritten();
    if (signal.reason instanceof CreateError) throw signal.reason;
    return status;
  } catch (error) {
    const unprinted = signal.reason instanceof CreateError;
    const failure = unprinted ? signal.reason : asCreateError(error);
    if (wantsJson(argv) && !unprinted) stdout.write(`${jsonError(failure)}\n`);
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
  const { given, settings, typed } = args;
  const { json, dryRun } = settings;
  const context: Context = { cwd: currentDirectory(), packageManager: runningPackageManager() };
  const record = settings.config === undefined ? undefined : await readRecord(settings.config);
  const answered = overlayAnswers(record?.answers ?? {}, given);
  const notAsked = reasonNotToAsk(settings, process);
  const hints = [...npmHints(typed, env), ...(notAsked ? lostAuth(typed, env) : [])];

  const prompts = notAsked === undefined ? await import('./prompts.ts') : undefined;
  const warn = prompts?.warn ?? terminal.warn;
  prompts?.showTitle(`create-mcp-sse ${generatorVersion}`);
  for (const hint of hints) warn(hint);

  const checking = { ...context, signal };
  let chosen = prompts ? await prompts.askAnswers(answered, checking) : answered;
  let answers = completeAnswers(chosen, context);
  const all = warnings(answers, chosen, record?.facts.generator);
  // At a prompt the port was checked when it was answered.
  if (!prompts) all.push(await portInUse(answers, createRun(signal)));
  for (const warning of all) if (warning !== undefined) warn(warning);
  let plan = await planProject(answers, checking);
  while (prompts && !dryRun) {
    const lines = [...summary(answers, stdout.columns), ...existingFiles(plan.files)];
    const toChange = await prompts.confirmPlan(lines, answers, checking);
    if (toChange === undefined) break;
    chosen = await prompts.changeAnswer(toChange, chosen, answers, checking);
    answers = completeAnswers(chosen, context);
    plan = await planProject(answers, checking);
  }
  if (notAsked && !json) stdout.write(assumedText(answers, answered, notAsked, shell));

  if (dryRun) {
    const tree = `\n${fileTree(plan.files)}\n\n   This was a dry run: nothing was written.\n`;
    stdout.write(json ? `${jsonResult(plan)}\n` : tree);
    return;
  }
  await outputWritten();
  signal.throwIfAborted();
  const project = await plan.make(json ? {} : showProgress(stdout, answers, env));
  stdout.write(json ? `${jsonResult(project)}\n` : `\n${nextStepsText(project.nextSteps)}\n`);
  if (prompts) {
    const again = repeatCommand(answers, context, shell);
    stdout.write(`\n   To create the same server again:\n   ${kleur.cyan(printable(again))}\n`);
  }
}

/** Waits until a write that failed is known to have failed. */
function outputWritten(): Promise<void> {
  return new Promise(setImmediate);
}

function cannotPrint(error: NodeJS.ErrnoException): CreateError {
  const why = error.code === 'ENOSPC' ? 'the disk is full' : (error.code ?? error.message);
  return new CreateError('unexpected', `cannot write to stdout: ${why}`, { cause: error });
}

function asCreateError(error: unknown): CreateError {
  if (error instanceof CreateError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new CreateError('unexpected', `${message} (DEBUG=create-mcp-sse shows where)`, { cause: error });
}
