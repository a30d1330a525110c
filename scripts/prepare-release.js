// Fills in what only the workflow knows, the repository that the release is made in: its addresses in package.json, and the
// links of README.md, which npm shows outside the repository. Prints the version's section of CHANGELOG.md.
//   node scripts/prepare-release.js v1.0.0 https://github.com/owner/name
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** package.json as it is published. */
export function withAddresses(packageJson, repository) {
  return {
    ...packageJson,
    repository: { type: 'git', url: `git+${repository}.git` },
    homepage: `${repository}#readme`,
    bugs: `${repository}/issues`,
  };
}

/** README.md as it is published: its relative links and pictures become those of the tag. */
export function withAbsoluteLinks(readme, repository, tag) {
  return readme.replace(
    /(!?)\[([^[\]]*)\]\((?![a-z]+:|#)([^)\s]+)\)/g,
    (_, picture, text, path) =>
      `${picture}[${text}](${repository}/${picture ? 'raw' : 'blob'}/${tag}/${path})`,
  );
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
  const root = join(import.meta.dirname, '..');
  const read = (file) => readFileSync(join(root, file), 'utf8');
  const packageJson = JSON.parse(read('package.json'));
  if (tag !== `v${packageJson.version}`) {
    throw new Error(`the tag ${tag} must be v${packageJson.version}, the version of package.json`);
  }
  if (!/^https:\/\/[\w.-]+\/[\w.-]+\/[\w.-]+$/.test(repository)) {
    throw new Error(`the repository ${repository} must be like https://github.com/owner/name`);
  }
  const notes = notesOf(read('CHANGELOG.md'), packageJson.version);
  const released = withAddresses(packageJson, repository);
  writeFileSync(join(root, 'package.json'), `${JSON.stringify(released, null, 2)}\n`);
  writeFileSync(join(root, 'README.md'), withAbsoluteLinks(read('README.md'), repository, tag));
  console.log(notes);
}

if (process.argv[1] === import.meta.filename) main(process.argv.slice(2));
