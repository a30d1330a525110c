import { readFile } from 'node:fs/promises';
import { badInput, CreateError } from '../errors.ts';
import { type Given, parseGiven } from './answers.ts';
import { type AnswerKey, type Answers, allQuestions, questionOf } from './questions.ts';

/** The file in which a project keeps its answers. It holds no secrets. */
export const recordFile = 'create-mcp-sse.json';

/** The only key of the record that is not an answer. */
const generatorKey = 'generator';

/** A record that somebody else wrote must not say where to write, or what to do to the files there. */
const onlyFlags: readonly AnswerKey[] = ['directory', 'existing'];

/** The text of the record: the answers that the files depend on. With `--config` it creates the same files again. */
export function writeRecord(answers: Answers, generatorVersion: string): string {
  const recorded = allQuestions
    .filter(({ recorded, when }) => recorded && when?.holds(answers) !== false)
    .map(({ key }) => [key, answers[key]]);
  const record = { [generatorKey]: `create-mcp-sse@${generatorVersion}`, ...Object.fromEntries(recorded) };
  return `${JSON.stringify(record, null, 2)}\n`;
}

/**
 * Reads the answers of a config file: a record, or any JSON object with answers.
 *
 * @returns the answers, and the generator that wrote them if the file names it
 * @throws {CreateError} bad_input, if the file cannot be read or an answer is not valid
 */
export async function readRecord(file: string): Promise<{ answers: Partial<Answers>; generator?: string }> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw badInput(
      '--config',
      file,
      error.code === 'ENOENT' ? 'does not exist' : `cannot be read (${error.code})`,
    );
  });
  const object = parseObject(text);
  if (object === undefined) throw badInput('--config', file, 'must hold one JSON object');
  const { [generatorKey]: generator, ...given } = object;
  const refused = onlyFlags.find((key) => key in given);
  if (refused !== undefined) {
    const { flag } = questionOf(refused);
    throw new CreateError(
      'bad_input',
      `--config ${file}, ${refused} must be given as ${flag}, not in a file`,
      {
        flag: '--config',
      },
    );
  }
  const answers = parseGiven(given, `--config ${file}`);
  return typeof generator === 'string' ? { answers, generator } : { answers };
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
