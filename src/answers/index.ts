/**
 * What can be answered, and how answers are checked: one table of questions, from which the prompts, the flags, the help,
 * the config file and the README's table derive.
 */
export { completeAnswers, conflict, type Given, overlayAnswers, parseGiven } from './answers.ts';
export {
  type AnswerKey,
  type Answers,
  type AnyQuestion,
  allQuestions,
  type Context,
  defaultOf,
  flagName,
  type PackageManager,
  questionOf,
} from './questions.ts';
export { type RecordFacts, readRecord, recordFile, splitRecord, withKept, writeRecord } from './record.ts';
