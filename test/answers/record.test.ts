import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { completeAnswers } from '../../src/answers/answers.ts';
import { readRecord, withKept, writeRecord } from '../../src/answers/record.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';

const context = { cwd: '/', packageManager: 'npm' } as const;

function file(text: string): string {
  const path = join(temporaryDirectory(), 'record.json');
  writeFileSync(path, text);
  return path;
}

test.each([
  { auth: 'jwt', port: 9000, protect: ['sse'] },
  { auth: 'none', streamableHttp: false },
] as const)('a record with %j gives the same answers when it is read', async ({ ...given }) => {
  const answers = completeAnswers({ directory: 'first', ...(given as object) }, context);
  const facts = { generator: 'create-mcp-sse@1.2.3', rendered: 'sha256-x' };
  const text = withKept(writeRecord(answers, facts), ['README.md']);
  const { answers: read, facts: readFacts } = await readRecord(file(text));
  expect(completeAnswers({ ...read, directory: 'first' }, context)).toEqual(answers);
  expect(readFacts).toEqual({ ...facts, kept: ['README.md'] });
});

test('a record may begin with a byte order mark', async () => {
  expect(await readRecord(file('\uFEFF{"port":1}'))).toMatchObject({ answers: { port: 1 }, facts: {} });
});

test.each([
  ['[]', 'must hold one JSON object'],
  ['null', 'must hold one JSON object'],
  ['{"port":', 'must hold one JSON object'],
  ['{"port":"x"}', 'port x must be a whole number'],
  ['{"port":[9000]}', 'port [9000] must be a whole number'],
  ['{"port":{"value":9000}}', 'port {"value":9000} must be a whole number'],
  ['{"auth":["jwt"]}', 'auth ["jwt"] must be one of apikey'],
  ['{"protect":[]}', 'protect [] must be a comma-separated list'],
  ['{"auth":"jwt","protect":[]}', 'protect [] must be a comma-separated list'],
  ['{"protect":["sse,messages"]}', 'protect ["sse,messages"] must be a comma-separated list'],
  ['{"protect":["sse",null]}', 'protect ["sse",null] must be a comma-separated list'],
  ['{"protect":[["sse"]]}', 'protect [["sse"]] must be a comma-separated list'],
  ['{"directory":"/elsewhere"}', 'directory must be given as [directory], not in a file'],
  ['{"existing":"overwrite"}', 'existing must be given as --existing <choice>, not in a file'],
  [String.raw`{"port":"\u001b[2J"}`, String.raw`port "\u001b[2J" must be`],
  ['{"port":"\u009b2J"}', String.raw`port "\u009b2J" must be`],
  ['{"a\u202eb":1}', String.raw`answer "a\u202eb" is unknown`],
  ['{"colour":"red"}', 'answer colour is unknown'],
  ['{"__proto__":{"port":1}}', 'answer __proto__ is unknown'],
])('a config file with %s is refused by its name', async (text, why) => {
  const path = file(text);
  await expect(readRecord(path)).rejects.toMatchObject({
    code: 'bad_input',
    message: expect.stringContaining(why),
  });
  await expect(readRecord(path)).rejects.toThrow(path);
});

test('a record without authentication may list no protected endpoint', async () => {
  const answers = { auth: 'none', port: 1 };
  expect(await readRecord(file('{"auth":"none","port":1,"protect":[]}'))).toMatchObject({ answers });
});

test('a config file that does not exist or is a directory is refused', async () => {
  await expect(readRecord('/nowhere.json')).rejects.toThrow('--config /nowhere.json does not exist');
  await expect(readRecord('/')).rejects.toThrow('--config / cannot be read (EISDIR)');
});

test('the record has the answers that the files depend on, and not those about the run', () => {
  const record = JSON.parse(
    writeRecord(completeAnswers({ auth: 'none' }, context), { generator: 'create-mcp-sse@1.2.3' }),
  );
  expect(Object.keys(record)).toEqual([
    'generator',
    'port',
    'endpoint',
    'messageEndpoint',
    'maxMessageSize',
    'auth',
    'name',
    'streamableHttp',
    'relay',
    'host',
    'packageManager',
  ]);
});
