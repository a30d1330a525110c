import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parse } from 'yaml';

/** Where the dry run says that it publishes from. */
export const repository = 'https://github.com/someone/create-mcp-sse';

interface Step {
  run?: string;
}

/**
 * Releases the work tree by the commands of the release workflow, to the registry that the environment names. Left out are
 * what only GitHub can do, the proof of who publishes and the release there, and what only the commit of a release has, its
 * records.
 *
 * @returns the version, the notes of the release and what the commands printed
 */
export function release(root: string, folder: string, environment: NodeJS.ProcessEnv) {
  checkOut(root, folder);
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const workflow = parse(readFileSync(join(folder, '.github/workflows/release.yml'), 'utf8'));
  const steps: Step[] = workflow.jobs.publish.steps;
  const script = steps
    .flatMap(({ run }) => run ?? [])
    .filter((line) => !/^gh |^npm run records /.test(line))
    .join('\n')
    .replace(' --provenance', '');
  const { origin, pathname } = new URL(repository);
  const output = execFileSync('bash', ['-e', '-c', `exec 2>&1\n${script}`], {
    cwd: folder,
    encoding: 'utf8',
    env: {
      ...environment,
      GITHUB_REF_NAME: `v${version}`,
      GITHUB_SERVER_URL: origin,
      GITHUB_REPOSITORY: pathname.slice(1),
    },
  });
  return { version: version as string, notes: readFileSync(join(folder, 'notes.md'), 'utf8'), output };
}

/** Copies the files that git knows, or would if they were added. */
function checkOut(root: string, folder: string): void {
  const options = ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--deduplicate'];
  const listed = execFileSync('git', options, { cwd: root, encoding: 'utf8' });
  for (const path of listed.split('\0').filter(Boolean)) {
    mkdirSync(join(folder, dirname(path)), { recursive: true });
    cpSync(join(root, path), join(folder, path));
  }
}
