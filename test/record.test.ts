import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { completeAnswers } from '../src/answers.js';
import { readRecord, writeRecord } from '../src/record.js';
import { temporaryDirectory } from './fixtures/temporary.js';

const setting = { cwd: '/', packageManager: 'npm' } as const;

function file(text: string): string {
  const path = join(temporaryDirectory(), 'record.json');
  writeFileSync(path, text);
  return path;
}

test.each([
  { auth: 'jwt', port: 9000, protect: ['sse'] },
  { auth: 'none', streamableHttp: false },
] as const)('a record of %j gives the same answers again', async ({ ...given }) => {
  const answers = completeAnswers({ directory: 'first', ...(given as object) }, setting);
  const { answers: read, generator } = await readRecord(file(writeRecord(answers, '1.2.3')));
  expect(completeAnswers({ ...read, directory: 'first' }, setting)).toEqual(answers);
  expect(generator).toBe('create-mcp-sse@1.2.3');
});

test('a byte order mark is passed over', async () => {
  expect(await readRecord(file('\uFEFF{"port":1}'))).toEqual({ answers: { port: 1 } });
});

describe('what is no record is refused, naming the file:', () => {
  test.each([
    ['[]', 'a file with one JSON object is accepted'],
    ['null', 'a file with one JSON object is accepted'],
    ['{"port":', 'a file with one JSON object is accepted'],
    ['{"port":"x"}', 'port x: a whole number'],
    ['{"colour":"red"}', 'colour: no such answer'],
    ['{"__proto__":{"port":1}}', '__proto__: no such answer'],
  ])('%s', async (text, why) => {
    const path = file(text);
    await expect(readRecord(path)).rejects.toMatchObject({
      code: 'bad_input',
      message: expect.stringContaining(why),
    });
    await expect(readRecord(path)).rejects.toThrow(path);
  });

  test('a file that is not there, and a directory', async () => {
    await expect(readRecord('/nowhere.json')).rejects.toThrow(
      '--config /nowhere.json: there is no such file',
    );
    await expect(readRecord('/')).rejects.toThrow('it cannot be read (EISDIR)');
  });
});
