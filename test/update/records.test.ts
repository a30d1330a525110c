import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { completeAnswers, readRecord } from '../../src/answers/index.ts';
import { renderRecord } from '../../src/project/index.ts';
import { recordedVersion } from '../../src/update/versions.ts';
import { generatorVersion } from '../../src/version.ts';

const folder = join(import.meta.dirname, 'records');
const context = { cwd: '/', packageManager: 'npm' } as const;

test.each(readdirSync(folder))(
  'the record %s, written by a version of this package, can still be read',
  async (name) => {
    const file = join(folder, name);
    const { answers, facts } = await readRecord(file);
    expect(name).toBe(`${recordedVersion(facts.generator)}.json`);
    const { generator, rendered, ...written } = JSON.parse(readFileSync(file, 'utf8'));
    expect(rendered).toMatch(/^sha256-/);
    expect(completeAnswers(answers, context)).toMatchObject(written);
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
