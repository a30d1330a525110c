import { readFile } from 'node:fs/promises';
import { type Given, parseGiven, recordedAnswers } from './answers.js';
import { badInput } from './errors.js';
import type { Answers } from './questions.js';

/** The file in which a project keeps its answers. It holds no secret. */
export const recordFile = 'create-mcp-sse.json';

/** The one key of the record that is no answer. */
const generatorKey = 'generator';

/** The record's text: with `--config` it makes the same files again. */
export function writeRecord(answers: Answers, generatorVersion: string): string {
  const record = { [generatorKey]: `create-mcp-sse@${generatorVersion}`, ...recordedAnswers(answers) };
  return `${JSON.stringify(record, null, 2)}\n`;
}

/**
 * Reads the answers of a config file: a record, or any JSON object with answers.
 *
 * @returns the answers, and which generator wrote them if the file says so
 * @throws {CreateError} bad_input, when it cannot be read or holds what is not accepted
 */
export async function readRecord(file: string): Promise<{ answers: Partial<Answers>; generator?: string }> {
  const refuse = (why: string) => badInput('--config', file, why);
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw refuse(error.code === 'ENOENT' ? 'there is no such file' : `it cannot be read (${error.code})`);
  });
  const object = parseObject(text);
  if (object === undefined) throw refuse('a file with one JSON object is accepted');
  const { [generatorKey]: generator, ...given } = object;
  const answers = parseGiven(given, `--config ${file}`);
  return typeof generator === 'string' ? { answers, generator } : { answers };
}

function parseObject(text: string): Given | undefined {
  try {
    const value: unknown = JSON.parse(text.replace(/^\uFEFF/, '')); // some Windows editors begin with this mark
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Given)
      : undefined;
  } catch {
    return undefined;
  }
}
