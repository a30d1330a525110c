import { setMaxListeners } from 'node:events';
import { basename, resolve } from 'node:path';
import kleur from 'kleur';
import { completeAnswers, overlayAnswers } from './answers.js';
import { readArguments, wantsJson } from './arguments.js';
import { createProject } from './create-project.js';
import { CreateError } from './errors.js';
import { runningPackageManager } from './package-managers.js';
import { portInUse } from './port-in-use.js';
import { showProgress } from './progress.js';
import type { Answers, Surroundings } from './questions.js';
import { currentShell } from './quote.js';
import { readRecord } from './record.js';
import {
  asFlags,
  existingFiles,
  fileTree,
  jsonError,
  jsonResult,
  nextStepsText,
  repeatCommand,
  summary,
} from './report.js';
import { createRun } from './run.js';
import { symbolsFor } from './symbols.js';
import { generatorVersion } from './version.js';

const { env, stdin, stdout, stderr } = process;
const symbols = symbolsFor(env, process.platform);

/** Runs the command. @returns its exit status */
export async function main(argv: readonly string[]): Promise<number> {
  const cancel = new AbortController();
  setMaxListeners(0, cancel.signal); // each prompt listens, and Node.js would warn of a leak at the eleventh
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => cancel.abort());
  const json = wantsJson(argv);
  try {
    await create(argv, cancel.signal);
    return 0;
  } catch (error) {
    const failure = asCreateError(error);
    if (json) stdout.write(`${jsonError(failure)}\n`);
    else stderr.write(failureText(failure));
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
  const surroundings: Surroundings = { cwd: process.cwd(), packageManager: runningPackageManager() };
  const shell = currentShell(env, process.platform);
  const human = settings.json ? undefined : stdout;
  const record = settings.config === undefined ? undefined : await readRecord(settings.config);
  const answered = overlayAnswers(record?.answers ?? {}, given);

  const whyNotAsked = reasonNotToAsk(settings);
  const choose = whyNotAsked === undefined ? await import('./prompts.js') : undefined;
  const asking = { ...surroundings, signal };
  const chosen = choose ? await choose.askAnswers(answered, asking) : answered;
  const answers = completeAnswers(chosen, surroundings);

  for (const warning of await warnings(answers, chosen, record?.generator)) {
    stderr.write(`${kleur.yellow(symbols.warning)}  ${warning}\n`);
  }
  if (choose && !settings.dryRun) {
    const { files } = await createProject(answers, { ...surroundings, dryRun: true, signal });
    await choose.confirmChoice([...summary(answers), ...existingFiles(files)], asking);
  }
  if (whyNotAsked) human?.write(assumed(answers, answered, whyNotAsked));

  const steps = human && !settings.dryRun ? showProgress(human, answers, env) : {};
  const project = await createProject(answers, {
    ...surroundings,
    dryRun: settings.dryRun,
    signal,
    ...steps,
  });

  if (settings.json) stdout.write(`${jsonResult(project)}\n`);
  else if (settings.dryRun)
    stdout.write(`\n${fileTree(project.files)}\n\n   Nothing was written: this was a dry run.\n`);
  else stdout.write(`\n${nextStepsText(project.nextSteps)}\n`);
  if (choose && !settings.dryRun) {
    const defaults = completeAnswers({ directory: answers.directory }, surroundings);
    stdout.write(`\n   Make the same again:\n   ${kleur.cyan(repeatCommand(answers, defaults, shell))}\n`);
  }
}

/** Why nothing is asked, or undefined when it can be. */
function reasonNotToAsk({ yes, json }: { yes: boolean; json: boolean }): string | undefined {
  if (yes || json) return yes ? '--yes' : '--json';
  if (env.CI !== undefined && !['', '0', 'false'].includes(env.CI)) return 'CI';
  if (!stdin.isTTY || !stdout.isTTY) return 'no terminal';
  if (env.TERM === 'dumb') return 'TERM=dumb, on which prompts cannot be drawn';
  // These run commands in a terminal that nobody looks at.
  const agent = ['AI_AGENT', 'CLAUDECODE', 'CURSOR_AGENT', 'GEMINI_CLI'].find((name) => env[name]);
  return agent === undefined ? undefined : `${agent} is set`;
}

/** What was taken by default, so that nobody has to guess it. */
function assumed(answers: Answers, answered: Partial<Answers>, why: string): string {
  const keys = Object.keys(answers).filter((key) => !(key in answered));
  return kleur.dim(`Nothing was asked (${why}). Assumed: ${asFlags(answers, keys).join(' ')}\n`);
}

/** What the user should know before anything is written. */
async function warnings(answers: Answers, given: Partial<Answers>, generator?: string): Promise<string[]> {
  const folder = basename(resolve(answers.directory));
  const renamed = given.name === undefined && folder !== answers.name;
  const outdated = generator !== undefined && generator !== `create-mcp-sse@${generatorVersion}`;
  const open = answers.auth !== 'none' && answers.streamableHttp && !answers.protect.includes('messages');
  const port = await portInUse(answers.port, answers.host, createRun());
  return [
    ...(renamed
      ? [`${folder} is no valid package name: the package is called ${answers.name} (--name changes it)`]
      : []),
    ...(outdated
      ? [`the config file is from ${generator}, this is ${generatorVersion}: the files may differ`]
      : []),
    ...(open
      ? [
          `--protect ${answers.protect}: Streamable HTTP goes by messages, so anyone can call tools on /mcp without a ` +
            'credential (--protect sse,messages or --no-streamable-http closes it)',
        ]
      : []),
    ...(port === undefined ? [] : [port]),
  ];
}

function asCreateError(error: unknown): CreateError {
  if (error instanceof CreateError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new CreateError('unexpected', `${message} (DEBUG=create-mcp-sse shows where)`, { cause: error });
}

function failureText({ message, output, resume }: CreateError): string {
  const next =
    resume.length === 0
      ? ''
      : `The project is written. Once that is put right:\n\n   ${resume.join('\n   ')}\n`;
  return `${output === undefined ? '' : `\n${output}\n\n`}${kleur.red(symbols.failed)} ${message}\n${next}`;
}
