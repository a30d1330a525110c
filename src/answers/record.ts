import { readFile } from 'node:fs/promises';
import { CreateError } from '../errors.ts';
import { type Given, parseGiven } from './answers.ts';
import { type AnswerKey, type Answers, allQuestions, questionOf } from './questions.ts';

/** The file in which a project keeps its answers. It holds no secrets. */
export const recordFile = 'create-mcp-sse.json';

/** What else the record says. */
export interface RecordFacts {
  /** The generator that wrote it, as `create-mcp-sse@1.2.3`. */
  generator?: string;
  /** A digest of all files rendered from the answers: it shows that a record was edited by hand. */
  rendered?: string;
  /** The files that were there before the project, and were kept (`--existing merge`). */
  kept?: readonly string[];
}

/** A record that somebody else wrote must not say where to write, or what to do to the files there. */
const onlyFlags: readonly AnswerKey[] = ['directory', 'existing'];

/** The text of the record: the answers that the files depend on. With `--config` it creates the same files again. */
export function writeRecord(answers: Answers, { generator, rendered }: Omit<RecordFacts, 'kept'>): string {
  const recorded = allQuestions
    .filter(({ recorded, when }) => recorded && when?.holds(answers) !== false)
    .map(({ key }) => [key, answers[key]]);
  return asText({ generator, ...Object.fromEntries(recorded), rendered });
}

/** The text of a record that names the files which the project had before, and kept. */
export function withKept(record: string, kept: readonly string[]): string {
  return kept.length === 0 ? record : asText({ ...JSON.parse(record), kept });
}

function asText(record: object): string {
  return `${JSON.stringify(record, null, 2)}\n`;
}

/** Splits a record into its answers, not checked yet, and what else it says. */
export function splitRecord(record: Given): { given: Given; facts: RecordFacts } {
  const { generator, rendered, kept, ...given } = record;
  return {
    given,
    facts: {
      ...(typeof generator === 'string' && { generator }),
      ...(typeof rendered === 'string' && { rendered }),
      ...(Array.isArray(kept) && { kept: kept.filter((path) => typeof path === 'string') }),
    },
  };
}

/**
 * Reads the answers of a config file: a record, or any JSON object with answers.
 *
 * @param source what the file is called in messages
 * @returns the answers, and what else a record says
 * @throws {CreateError} bad_input, if the file cannot be read or an answer is not valid
 */
export async function readRecord(
  file: string,
  source = `--config ${file}`,
): Promise<{ answers: Partial<Answers>; given: Given; facts: RecordFacts }> {
  const unusable = (problem: string) =>
    new CreateError('bad_input', `${source} ${problem}`, { flag: '--config' });
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw unusable(error.code === 'ENOENT' ? 'does not exist' : `cannot be read (${error.code})`);
  });
  const object = parseObject(text);
  if (object === undefined) throw unusable('must hold one JSON object');
  const { given, facts } = splitRecord(object);
  const refused = onlyFlags.find((key) => key in given);
  if (refused !== undefined) {
    const { flag } = questionOf(refused);
    throw new CreateError('bad_input', `${source}, ${refused} must be given as ${flag}, not in a file`, {
      flag: '--config',
    });
  }
  return { answers: parseGiven(given, source), given, facts };
}

function parseObject(text: string): Given | undefined {
  try {
    const value: unknown = JSON.parse(text.replace(/^\uFEFF/, '')); // some Windows editors add a byte order mark
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Given)
      : undefined;
  } catch {
    return undefined;
  }
}
