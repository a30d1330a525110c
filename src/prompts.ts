import { resolve } from 'node:path';
import * as clack from '@clack/prompts';
import { conflict, questionOf } from './answers.js';
import { CreateError } from './errors.js';
import { type Answers, type AnyQuestion, allQuestions, defaultOf, type Surroundings } from './questions.js';
import { inspectTarget, isEmpty } from './target.js';

interface Asking extends Surroundings {
  signal: AbortSignal;
}

/**
 * Asks for what is not answered yet: first what everybody decides, then, for those who want it, the rest.
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

/** Shows what was chosen, and asks whether to go on. @throws {CreateError} cancelled, when not */
export async function confirmChoice(lines: readonly string[], asking: Asking): Promise<void> {
  clack.note(lines.join('\n'), 'Your server');
  if (!(await confirm('Make it?', true, asking))) throw cancelled();
}

async function askOne(
  question: AnyQuestion,
  answers: Record<string, unknown>,
  asking: Asking,
): Promise<unknown> {
  for (;;) {
    const value = await promptFor(question, answers, asking);
    const why = conflict(question.key, { ...answers, [question.key]: value });
    if (why === undefined) return value;
    clack.log.error(`${value}: ${why}`);
  }
}

async function promptFor(
  question: AnyQuestion,
  answers: Record<string, unknown>,
  asking: Asking,
): Promise<unknown> {
  const { accepts } = question;
  const message = question.message ?? question.title;
  const initial = defaultOf(question, answers, asking);
  const common = { message, signal: asking.signal };
  const options = choicesOf(question);

  switch (accepts.kind) {
    case 'yes-no':
      return confirm(message, Boolean(initial), asking);
    case 'one':
      return answered(await clack.select({ ...common, options, initialValue: String(initial) }));
    case 'many':
      return answered(
        await clack.multiselect({ ...common, options, initialValues: initial as string[], required: true }),
      );
    case 'text': {
      const validate = (input: string | undefined) => {
        const value = accepts.parse(input?.trim() || initial);
        if (value === undefined) return `${accepts.what} is accepted`;
        return conflict(question.key, { ...answers, [question.key]: value });
      };
      const text = await clack.text({
        ...common,
        placeholder: String(initial),
        defaultValue: String(initial),
        validate,
      });
      return accepts.parse(answered(text).trim());
    }
  }
}

/** What to do with a directory that is not empty; asked at once, before the other questions are answered for nothing. */
async function askExisting(directory: string, asking: Asking): Promise<Answers['existing'] | undefined> {
  const target = await inspectTarget(resolve(asking.cwd, directory));
  if (isEmpty(target.entries)) return undefined;
  const existing = questionOf('existing');
  const names = target.entries.slice(0, 4).join(', ') + (target.entries.length > 4 ? ', ...' : '');
  const choice = answered(
    await clack.select({
      message: `${directory} is not empty (${names}). What about the files there?`,
      options: choicesOf(existing),
      initialValue: 'abort',
      signal: asking.signal,
    }),
  );
  if (choice === 'abort') throw cancelled();
  return existing.accepts.parse(choice);
}

/** Each choice with its meaning in the label: a hint would be shown for the chosen one only. */
function choicesOf({ accepts }: AnyQuestion): { value: string; label: string }[] {
  return Object.entries(accepts.choices ?? {}).map(([value, meaning]) => ({
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

function cancelled(): CreateError {
  return new CreateError('cancelled', 'cancelled, nothing was written');
}
