import { resolve } from 'node:path';
import * as clack from '@clack/prompts';
import kleur from 'kleur';
import {
  type AnswerKey,
  type Answers,
  type AnyQuestion,
  allQuestions,
  conflict,
  defaultOf,
  overlayAnswers,
  questionOf,
} from '../answers/index.ts';
import { cancelled, printable } from '../errors.ts';
import { createRun, inspectDirectory, isEmpty } from '../project/index.ts';
import { barred } from './bar.ts';
import { askChoice, askChoices, type Choice } from './choice-prompt.ts';
import { type CheckContext, problemOf } from './early-checks.ts';
import { portInUse } from './port-in-use.ts';
import { shownValue } from './report.ts';
import { askText } from './text-prompt.ts';

/**
 * Asks every question that is not answered yet: the main ones first, then the others if the user wants to see them.
 *
 * @throws {CreateError} cancelled, on Esc and Ctrl-C at any question; as `problemOf`, for an answer that a flag gave
 */
export async function askAnswers(given: Partial<Answers>, context: CheckContext): Promise<Partial<Answers>> {
  let answers = given;
  const open = allQuestions.filter(({ key, message }) => message !== undefined && given[key] === undefined);
  const ask = async (question: AnyQuestion) => {
    if (question.when?.holds(answers) !== false) answers = await askOne(question, answers, context);
  };

  const wrong = await problemOf(given, context);
  if (wrong !== undefined) throw wrong;
  const { packageManager = context.packageManager, install } = given;
  const missing = problemOf({ packageManager, ...(install !== undefined && { install }) }, context);
  if (given.port !== undefined) await warnOfPort(answers);
  if (given.directory === undefined) await ask(questionOf('directory'));
  else answers = await askExisting(answers, context);
  for (const question of open) {
    if (!question.more && question.key !== 'directory') await ask(question);
  }

  const noDefault = await missing;
  if (noDefault !== undefined) {
    warn(noDefault.message);
    await ask(questionOf('packageManager'));
  }
  const more = open.filter((question) => question.more && answers[question.key] === undefined);
  if (more.length > 0) {
    const topics = more.map(({ title }) => title).join(', ');
    const wanted = await confirm(`More options? (${topics})`, false, context);
    for (const question of wanted ? more : []) await ask(question);
  }
  return answers;
}

/**
 * Shows the plan and asks whether to go on.
 *
 * @returns the answer to change, or undefined to create the project
 * @throws {CreateError} cancelled
 */
export async function confirmPlan(
  lines: readonly string[],
  answers: Answers,
  { signal }: CheckContext,
): Promise<AnswerKey | undefined> {
  clack.note(lines.join('\n'), 'Your server');
  const options = [
    { value: 'create', label: 'Yes' },
    { value: 'change', label: 'No, change an answer' },
    { value: 'cancel', label: 'No, cancel' },
  ];
  const choice = answered(await askChoice({ message: 'Create it?', options, signal }));
  if (choice === 'cancel') throw cancelled();
  if (choice === 'create') return undefined;

  const changeable = allQuestions.filter(({ message, when }) => message && when?.holds(answers) !== false);
  return answered(
    await askChoice<AnswerKey>({
      message: 'Which answer?',
      options: changeable.map(({ key, title }) => ({
        value: key,
        label: `${title}: ${shownValue(answers[key])}`,
      })),
      signal,
    }),
  );
}

/** Asks one question again. @param current every answer, defaults too */
export async function changeAnswer(
  key: AnswerKey,
  answers: Partial<Answers>,
  current: Answers,
  context: CheckContext,
): Promise<Partial<Answers>> {
  // What to do with the files in one directory is not said of another.
  const { existing, ...others } = answers;
  const changed = await askOne(questionOf(key), key === 'directory' ? others : answers, context, current);
  return overlayAnswers(changed, { [key]: changed[key] });
}

/** Begins the dialogue. */
export function showTitle(title: string): void {
  process.stdout.write(`${barred(title, undefined, kleur.gray(clack.S_BAR_START))}\n`);
}

/** Writes a remark between two questions. */
export function warn(text: string): void {
  const remark = barred(printable(text), undefined, kleur.yellow(clack.S_WARN));
  process.stdout.write(`${kleur.gray(clack.S_BAR)}\n${remark}\n`);
}

/**
 * Asks one question until its answer can be used.
 *
 * @param current what is suggested, and what the answer must fit to
 * @returns the answers with that to this question, and to the one that may follow it
 */
async function askOne(
  question: AnyQuestion,
  answers: Partial<Answers>,
  context: CheckContext,
  current: Partial<Answers> = answers,
): Promise<Partial<Answers>> {
  const { key, type } = question;
  for (;;) {
    const value = await promptFor(question, current, context);
    // A text is checked while its prompt is open.
    const problem = type.prompt === 'text' ? undefined : await problemWith(question, value, current, context);
    if (problem === undefined) {
      const changed = { ...answers, [key]: value } as Partial<Answers>;
      if (key === 'port') await warnOfPort(changed);
      return key === 'directory' ? askExisting(changed, context) : changed;
    }
    warn(problem);
  }
}

/** Why an answer cannot be used; undefined if it can. */
async function problemWith(
  { key }: AnyQuestion,
  value: unknown,
  current: Partial<Answers>,
  context: CheckContext,
): Promise<string | undefined> {
  const mustBe = conflict(key, { ...current, [key]: value });
  if (mustBe !== undefined) return `Must be ${mustBe}`;
  const { install = true } = current;
  return (await problemOf({ [key]: value, install }, context))?.message;
}

async function promptFor(
  question: AnyQuestion,
  current: Partial<Answers>,
  context: CheckContext,
): Promise<unknown> {
  const { type, message = question.title } = question;
  const { signal } = context;
  const initial = current[question.key] ?? defaultOf(question, current, context);

  switch (type.prompt) {
    case 'confirm':
      return confirm(message, Boolean(initial), context);
    case 'select':
      return answered(
        await askChoice({ message, options: choicesOf(question), initial: String(initial), signal }),
      );
    case 'multiselect':
      return answered(
        await askChoices({ message, options: choicesOf(question), initial: initial as string[], signal }),
      );
    case 'text': {
      const problem = (input: string) => {
        const value = type.parse(input);
        return value === undefined
          ? `Must be ${type.mustBe}`
          : problemWith(question, value, current, context);
      };
      const text = answered(await askText({ message, initial: String(initial), problem, signal }));
      return type.parse(text?.trim() || String(initial));
    }
  }
}

/** Asks what to do with a directory that is not empty: before the other questions, in case the answer is to cancel. */
async function askExisting(answers: Partial<Answers>, context: CheckContext): Promise<Partial<Answers>> {
  const { directory = '', existing } = answers;
  const { entries } = await inspectDirectory(resolve(context.cwd, directory));
  if (existing !== undefined || isEmpty(entries)) return answers;
  const names = entries.slice(0, 4).join(', ') + (entries.length > 4 ? ', ...' : '');
  const choice = answered(
    await askChoice({
      message: printable(`${directory} is not empty (${names}). What should happen to the files in it?`),
      options: choicesOf(questionOf('existing')),
      initial: 'abort',
      signal: context.signal,
    }),
  );
  if (choice === 'abort') throw cancelled();
  return { ...answers, existing: choice as Answers['existing'] };
}

async function warnOfPort({ port, host = '127.0.0.1' }: Partial<Answers>): Promise<void> {
  const inUse = port === undefined ? undefined : await portInUse({ port, host }, createRun());
  if (inUse !== undefined) warn(inUse);
}

/** Each choice with its meaning in the label, since a hint is shown only for the selected one. */
function choicesOf({ type }: AnyQuestion): Choice<string>[] {
  return Object.entries(type.choices ?? {}).map(([value, meaning]) => ({
    value,
    label: meaning === '' ? value : `${value}: ${meaning}`,
  }));
}

async function confirm(message: string, initialValue: boolean, { signal }: CheckContext): Promise<boolean> {
  return answered(await clack.confirm({ message, initialValue, signal }));
}

function answered<T>(answer: T): Exclude<T, symbol> {
  if (clack.isCancel(answer)) throw cancelled();
  return answer as Exclude<T, symbol>;
}
