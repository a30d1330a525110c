import { resolve } from 'node:path';
import * as clack from '@clack/prompts';
import {
  type Answers,
  type AnyQuestion,
  allQuestions,
  type Context,
  conflict,
  defaultOf,
  questionOf,
} from '../answers/index.ts';
import { cancelled } from '../errors.ts';
import { inspectDirectory, isEmpty } from '../project/index.ts';

interface Asking extends Context {
  signal: AbortSignal;
}

/**
 * Asks every question that is not answered yet: the main ones first, then the others if the user wants to see them.
 *
 * @throws {CreateError} cancelled, on Esc and Ctrl-C at any question
 */
export async function askAnswers(given: Partial<Answers>, asking: Asking): Promise<Partial<Answers>> {
  const answers: Record<string, unknown> = { ...given };
  const open = allQuestions.filter(({ key, message }) => message !== undefined && answers[key] === undefined);
  const ask = async (question: AnyQuestion) => {
    if (question.when?.holds(answers) === false) return;
    answers[question.key] = await askOne(question, answers, asking);
  };

  if (answers.directory === undefined) await ask(questionOf('directory'));
  if (answers.existing === undefined) answers.existing = await askExisting(String(answers.directory), asking);
  for (const question of open) {
    if (!question.more && question.key !== 'directory') await ask(question);
  }

  const more = open.filter((question) => question.more);
  if (more.length > 0) {
    const topics = more.map(({ title }) => title).join(', ');
    const wanted = await confirm(`More options? (${topics})`, false, asking);
    for (const question of wanted ? more : []) await ask(question);
  }
  return answers as Partial<Answers>;
}

/** Shows the plan and asks whether to go on. @throws {CreateError} cancelled, if not */
export async function confirmPlan(lines: readonly string[], asking: Asking): Promise<void> {
  clack.note(lines.join('\n'), 'Your server');
  if (!(await confirm('Create it?', true, asking))) throw cancelled();
}

async function askOne(
  question: AnyQuestion,
  answers: Record<string, unknown>,
  asking: Asking,
): Promise<unknown> {
  for (;;) {
    const value = await promptFor(question, answers, asking);
    const mustBe = conflict(question.key, { ...answers, [question.key]: value });
    if (mustBe === undefined) return value;
    clack.log.error(`Must be ${mustBe}`);
  }
}

async function promptFor(
  question: AnyQuestion,
  answers: Record<string, unknown>,
  asking: Asking,
): Promise<unknown> {
  const { type } = question;
  const message = question.message ?? question.title;
  const initial = defaultOf(question, answers, asking);
  const common = { message, signal: asking.signal };
  const options = choicesOf(question);

  switch (type.prompt) {
    case 'confirm':
      return confirm(message, Boolean(initial), asking);
    case 'select':
      return answered(await clack.select({ ...common, options, initialValue: String(initial) }));
    case 'multiselect':
      return answered(
        await clack.multiselect({ ...common, options, initialValues: initial as string[], required: true }),
      );
    case 'text': {
      const validate = (input: string | undefined) => {
        const value = type.parse(input?.trim() || initial);
        const mustBe =
          value === undefined ? type.mustBe : conflict(question.key, { ...answers, [question.key]: value });
        return mustBe && `Must be ${mustBe}`;
      };
      const text = await clack.text({
        ...common,
        placeholder: String(initial),
        defaultValue: String(initial),
        validate,
      });
      return type.parse(answered(text).trim());
    }
  }
}

/** Asks what to do with a directory that is not empty: before the other questions, in case the answer is to cancel. */
async function askExisting(directory: string, asking: Asking): Promise<Answers['existing'] | undefined> {
  const target = await inspectDirectory(resolve(asking.cwd, directory));
  if (isEmpty(target.entries)) return undefined;
  const existing = questionOf('existing');
  const names = target.entries.slice(0, 4).join(', ') + (target.entries.length > 4 ? ', ...' : '');
  const choice = answered(
    await clack.select({
      message: `${directory} is not empty (${names}). What should happen to the files in it?`,
      options: choicesOf(existing),
      initialValue: 'abort',
      signal: asking.signal,
    }),
  );
  if (choice === 'abort') throw cancelled();
  return existing.type.parse(choice);
}

/** Each choice with its meaning in the label, since a hint is shown only for the selected one. */
function choicesOf({ type }: AnyQuestion): { value: string; label: string }[] {
  return Object.entries(type.choices ?? {}).map(([value, meaning]) => ({
    value,
    label: meaning === '' ? value : `${value}: ${meaning}`,
  }));
}

async function confirm(message: string, initialValue: boolean, { signal }: Asking): Promise<boolean> {
  return answered(await clack.confirm({ message, initialValue, signal }));
}

function answered<T>(answer: T): Exclude<T, symbol> {
  if (clack.isCancel(answer)) throw cancelled();
  return answer as Exclude<T, symbol>;
}
