import { isIP } from 'node:net';
import { badInput } from './errors.js';
import {
  type AnswerKey,
  type Answers,
  type AnyQuestion,
  allQuestions,
  defaultOf,
  flagName,
  type Known,
  type Surroundings,
} from './questions.js';
import { rules } from './rules.js';

/** Answers as they come in, not looked at yet. */
export type Given = Readonly<Record<string, unknown>>;

/**
 * Checks the answers that were given, each by itself.
 *
 * @param source how an error names where they came from: nothing for flags, else the config file
 * @throws {CreateError} bad_input, for the first that is not accepted
 */
export function parseGiven(given: Given, source?: string): Partial<Answers> {
  const unknown = Object.keys(given).find((key) => !allQuestions.some((question) => question.key === key));
  if (unknown !== undefined) {
    const known = allQuestions.map(({ key }) => key).join(', ');
    throw badInput(source ?? 'answer', unknown, `no such answer; ${known} are accepted`);
  }

  const answers: Record<string, unknown> = {};
  for (const question of allQuestions) {
    const input = given[question.key];
    if (input === undefined || isEmptyValue(question, input)) continue;
    const value = question.accepts.parse(input);
    const name = source === undefined ? flagName(question, input) : `${source}, ${question.key}`;
    if (value === undefined) throw badInput(name, input, `${question.accepts.what} is accepted`);
    answers[question.key] = value;
  }
  return answers as Partial<Answers>;
}

/**
 * Completes answers: what was not given takes its default. Then checks them beside each other.
 *
 * @throws {CreateError} bad_input, for the first rule that is broken
 */
export function completeAnswers(given: Partial<Answers>, surroundings: Surroundings): Answers {
  const answers: Record<string, unknown> = { ...given };
  // In the order of the table: a default may depend on the answers before it.
  for (const question of allQuestions) {
    const { key, when } = question;
    const meaningless = when !== undefined && !when.holds(answers);
    if (meaningless && answers[key] !== undefined && !isEmptyValue(question, answers[key])) {
      throw badInput(flagName(question), answers[key], when.otherwise);
    }
    if (meaningless) answers[key] = when.empty;
    else answers[key] ??= defaultOf(question, answers, surroundings);
  }

  const complete = answers as unknown as Answers;
  checkRules(complete, given);
  return complete;
}

/** Lays flags over a record. What the record says of a question that has lost its meaning by a flag goes with it. */
export function overlayAnswers(record: Partial<Answers>, flags: Partial<Answers>): Partial<Answers> {
  const both: Known = { ...record, ...flags };
  const lost = allQuestions.filter(({ key, when }) => when?.holds(both) === false && !(key in flags));
  for (const { key } of lost) delete both[key];
  return both as Partial<Answers>;
}

/** @throws {CreateError} bad_input, for the first rule that is broken: it blames what was given, not a default */
function checkRules(answers: Answers, given: Partial<Answers>): void {
  for (const { about, broken } of rules) {
    const toChange = about.find((key) => given[key] !== undefined) ?? about[0];
    const why = broken(answers, toChange);
    if (why !== undefined)
      throw badInput(flagName(questionOf(toChange), answers[toChange]), answers[toChange], why);
  }
}

/** Why an answer cannot stand beside those known so far, or undefined when it can. */
export function conflict(key: AnswerKey, answers: Partial<Answers>): string | undefined {
  return rules
    .filter(({ about }) => about.includes(key))
    .map((rule) => rule.broken(answers, key))
    .find((why) => why !== undefined);
}

/** The answers that the files depend on, as they are kept in the project's record. */
export function recordedAnswers(answers: Answers): Partial<Answers> {
  const recorded = allQuestions
    .filter(({ recorded, when }) => recorded && (when === undefined || when.holds(answers)))
    .map(({ key }) => [key, answers[key]]);
  return Object.fromEntries(recorded);
}

/** Complete answers have this value where a question has no meaning; no flag can give it. */
function isEmptyValue({ when }: AnyQuestion, value: unknown): boolean {
  return Array.isArray(value) && Array.isArray(when?.empty) && value.length === 0 && when.empty.length === 0;
}

export function questionOf(key: AnswerKey) {
  const question = allQuestions.find((one) => one.key === key);
  if (question === undefined) throw new Error(`no question ${key}`);
  return question;
}

/** Where clients on this machine reach the server; one that listens on every address, by the loopback one. */
export function localOrigin({ host, port }: Pick<Answers, 'host' | 'port'>): string {
  if (host === '0.0.0.0') return `http://127.0.0.1:${port}`;
  if (host === '::') return `http://[::1]:${port}`;
  return `http://${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}
