import { readFileSync } from 'node:fs';
import { recordFile } from '../answers/index.ts';
import { CreateError } from '../errors.ts';
import { changelogFile } from '../version.ts';

/** An exact version: nothing else that a package manager would fetch, such as a tag, a range or an address. */
const exactGenerator = /^create-mcp-sse@(\d{1,9}\.\d{1,9}\.\d{1,9}(?:-[0-9A-Za-z.-]{1,64})?)$/;

/** The version of the generator that wrote a record. @throws {CreateError} bad_input, if it names no exact version */
export function recordedVersion(generator: string | undefined): string {
  const [, version] = exactGenerator.exec(generator ?? '') ?? [];
  if (version !== undefined) return version;
  throw new CreateError(
    'bad_input',
    `${recordFile}, generator ${JSON.stringify(generator ?? null)} must be create-mcp-sse@ and an exact version`,
    { flag: 'directory' },
  );
}

/** Orders versions as Semantic Versioning does: negative if the first is older. */
export function compareVersions(one: string, other: string): number {
  const [a, b] = [one, other].map((version) => {
    const [release = '', ...pre] = version.split('-');
    return { numbers: release.split('.').map(Number), pre: pre.join('-') };
  }) as [Parsed, Parsed];
  for (const [index, number] of a.numbers.entries()) {
    const difference = number - (b.numbers[index] ?? 0);
    if (difference !== 0) return difference;
  }
  if (a.pre === '' || b.pre === '') return Number(a.pre === '') - Number(b.pre === '');
  return a.pre.localeCompare(b.pre, 'en', { numeric: true });
}

interface Parsed {
  numbers: number[];
  pre: string;
}

/** The part of a version in the changelog that owners of existing projects should read. */
const ownersHeading = '### Existing projects';

/** What owners of existing projects should know of the versions after `from`, up to `to`: one line each. */
export function changesBetween(
  from: string,
  to: string,
  changelog = readFileSync(changelogFile, 'utf8'),
): string[] {
  return changelog.split(/^## /m).flatMap((section) => {
    const [, version] = /^\[(\d[^\]]*)\]/.exec(section) ?? [];
    if (version === undefined || compareVersions(version, from) <= 0 || compareVersions(version, to) > 0)
      return [];
    const [, part = ''] = section.split(ownersHeading);
    const [own = ''] = part.split(/^### /m);
    return [...own.matchAll(/^- (.*(?:\n {2}.*)*)/gm)].map(([, line = '']) => line.replace(/\s*\n\s*/g, ' '));
  });
}
