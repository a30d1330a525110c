// Fills in what a release knows: the version of its tag, and the repository it comes from. Prints its part of CHANGELOG.md.
//   node scripts/prepare-release.js v1.0.0 https://github.com/owner/name
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** package.json as it is published. */
export function withRelease(packageJson, version, repository) {
  return {
    ...packageJson,
    version,
    repository: { type: 'git', url: `git+${repository}.git` },
    homepage: `${repository}#readme`,
    bugs: `${repository}/issues`,
  };
}

/** What the changelog says of a version. @throws if it says nothing */
export function notesOf(changelog, version) {
  const sections = changelog.split(/^## /m).slice(1);
  const section = sections.find((text) => text.startsWith(`[${version}]`));
  const notes = section?.split('\n').slice(1).join('\n').trim();
  if (!notes) throw new Error(`CHANGELOG.md must have a section [${version}]`);
  // `update` prints these lines in a project that an earlier version made.
  if (!/^### Existing projects\n\n- /m.test(notes))
    throw new Error(
      `CHANGELOG.md, [${version}] must say under "### Existing projects" what their owners should know`,
    );
  return notes;
}

function main([tag = '', repository = '']) {
  if (!/^v\d+\.\d+\.\d+(-[\w.]+)?$/.test(tag)) throw new Error(`the tag ${tag} must be like v1.0.0`);
  if (!/^https:\/\/[\w.-]+\/[\w.-]+\/[\w.-]+$/.test(repository)) {
    throw new Error(`the repository ${repository} must be like https://github.com/owner/name`);
  }
  const root = join(import.meta.dirname, '..');
  const file = join(root, 'package.json');
  const version = tag.slice(1);
  const notes = notesOf(readFileSync(join(root, 'CHANGELOG.md'), 'utf8'), version);
  const packageJson = withRelease(JSON.parse(readFileSync(file, 'utf8')), version, repository);
  writeFileSync(file, `${JSON.stringify(packageJson, null, 2)}\n`);
  console.log(notes);
}

if (process.argv[1] === import.meta.filename) main(process.argv.slice(2));
