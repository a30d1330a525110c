import { expect, test } from 'vitest';
import { completeAnswers, parseGiven, recordFile, splitRecord } from '../../src/answers/index.ts';
import { renderRecord } from '../../src/project/index.ts';
import { recordedVersion } from '../../src/update/versions.ts';
import { generatorVersion } from '../../src/version.ts';
import { recordsOf, versionsWithRecords } from './support/records.ts';

const context = { cwd: '/', packageManager: 'npm' } as const;

test.each(versionsWithRecords())(
  'the records that version %s writes can still be read and rendered, with the same answers',
  async (version) => {
    for (const record of recordsOf(version)) {
      const { given, facts } = splitRecord(record);
      expect(recordedVersion(facts.generator)).toBe(version);
      expect(facts.rendered).toMatch(/^sha256-/);
      expect(completeAnswers(parseGiven(given), context)).toMatchObject(given);
      const now = JSON.parse(`${(await renderRecord(record)).get(recordFile)?.content}`);
      // A question that is newer than the record has its default.
      expect(splitRecord(now).given).toMatchObject(given);
    }
  },
);

test('what this version renders from a record has that record in it, with the digest of the files', async () => {
  const given = { auth: 'jwt', name: 'srv', port: 9000 };
  const [first, second] = await Promise.all([renderRecord(given), renderRecord(given)]);
  const record = JSON.parse(first.get('create-mcp-sse.json')?.content.toString() ?? '');
  expect(record).toMatchObject({ ...given, generator: `create-mcp-sse@${generatorVersion}` });
  expect([...(await renderRecord(record))]).toEqual([...first]);
  expect([...second]).toEqual([...first]);
  const other = JSON.parse(
    (await renderRecord({ ...given, port: 1 })).get('create-mcp-sse.json')?.content.toString() ?? '',
  );
  expect(other.rendered).not.toBe(record.rendered);
});
