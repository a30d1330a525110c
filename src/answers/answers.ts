import { badInput, refusedValue } from '../errors.ts';
import {
  type AnswerKey,
  type Answers,
  type AnyQuestion,
  allQuestions,
  type Context,
  defaultOf,
  flagName,
  type Known,
  questionOf,
} from './questions.ts';
import { rules } from './rules.ts';

/** Answers as they arrive, not checked yet. */
export type Given = Readonly<Record<string, unknown>>;

/**
 * Checks each given answer on its own.
 *
 * @param source where the answers come from, for error messages: nothing for flags, else the config file
 * @throws {CreateError} bad_input, for the first value that is not valid
 */
export function parseGiven(given: Given, source?: string): Partial<Answers> {
  const known = allQuestions.map(({ key }) => key);
  const unknown = Object.keys(given).find((key) => !known.some((one) => one === key));
  if (unknown !== undefined) {
    const subject = source === undefined ? 'answer' : `${source}, answer`;
    throw badInput(subject, unknown, `is unknown; the answers are ${known.join(', ')}`);
  }

  const answers: Record<string, unknown> = {};
  for (const question of allQuestions) {
    const input = given[question.key];
    if (input === undefined || (question.when?.holds(given) === false && isEmptyValue(question, input)))
      continue;
    const value = question.type.parse(input);
    const subject = source === undefined ? flagName(question, input) : `${source}, ${question.key}`;
    if (value === undefined) throw refusedValue(subject, input, question.type.mustBe);
    answers[question.key] = value;
  }
  return answers as Partial<Answers>;
}

/**
 * Completes answers with defaults, then checks that they fit together.
 *
 * @throws {CreateError} bad_input, for the first rule that is broken
 */
export function completeAnswers(given: Partial<Answers>, context: Context): Answers {
  const answers: Record<string, unknown> = { ...given };
  for (const question of allQuestions) {
    const { key, when } = question;
    const meaningless = when !== undefined && !when.holds(answers);
    if (meaningless && answers[key] !== undefined && !isEmptyValue(question, answers[key])) {
      throw refusedValue(flagName(question), String(answers[key]), when.mustBe);
    }
    if (meaningless) answers[key] = when.empty;
    else answers[key] ??= defaultOf(question, answers, context);
  }

  const complete = answers as unknown as Answers;
  checkRules(complete, given);
  return complete;
}

/** Lays flags over a record. An answer of the record that a flag makes meaningless is dropped. */
export function overlayAnswers(record: Partial<Answers>, flags: Partial<Answers>): Partial<Answers> {
  const both: Known = { ...record, ...flags };
  const meaningless = allQuestions.filter(({ key, when }) => when?.holds(both) === false && !(key in flags));
  for (const { key } of meaningless) delete both[key];
  return both as Partial<Answers>;
}

/** Why an answer does not fit to those known so far, as what it must be; undefined if it fits. */
export function conflict(key: AnswerKey, answers: Partial<Answers>): string | undefined {
  return rules
    .filter(({ about }) => about.includes(key))
    .map((rule) => rule.mustBe(answers, key))
    .find((mustBe) => mustBe !== undefined);
}

/** @throws {CreateError} bad_input, for the first rule that is broken; it blames a given answer, not a default */
function checkRules(answers: Answers, given: Partial<Answers>): void {
  for (const rule of rules) {
    const toChange = rule.about.find((key) => given[key] !== undefined) ?? rule.about[0];
    const mustBe = rule.mustBe(answers, toChange);
    if (mustBe !== undefined) {
      throw refusedValue(
        flagName(questionOf(toChange), answers[toChange]),
        String(answers[toChange]),
        mustBe,
      );
    }
  }
}

/** Complete answers have this value where a question has no meaning. */
function isEmptyValue({ when }: AnyQuestion, value: unknown): boolean {
  return Array.isArray(value) && Array.isArray(when?.empty) && value.length === 0 && when.empty.length === 0;
}
