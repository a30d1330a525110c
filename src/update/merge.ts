import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { devNull, tmpdir } from 'node:os';
import { join } from 'node:path';
import { outputFileSync } from 'fs-extra/esm';
import { CommandFailed, type Run, remove } from '../project/index.ts';
import { ourLabel } from './repository.ts';
import { readTree, type Tree } from './trees.ts';

export interface Merged {
  /** The merged files. Where lines conflict, git's markers are in them. */
  tree: Tree;
  /** The files with conflicts, and of which kind git says they are, such as `contents`. */
  conflicts: Map<string, Set<string>>;
  /** How a file differs between base and theirs, as git shows it. */
  differences(paths: readonly string[]): Promise<Map<string, string>>;
}

/**
 * Merges three trees as git does, renames followed. It happens in a repository of its own in a temporary folder, so no
 * settings, attributes or hooks of the user's decide anything, and the user's repository is not even read.
 *
 * @param label what the conflict markers call their side
 */
export async function mergeTrees<T>(
  { base, ours, theirs }: Record<'base' | 'ours' | 'theirs', Tree>,
  { run, label }: { run: Run; label: string },
  use: (merged: Merged) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'create-mcp-sse-'));
  const gitDirectory = join(folder, 'git');
  const env = {
    GIT_CONFIG_GLOBAL: devNull,
    GIT_CONFIG_NOSYSTEM: '1',
    ...Object.fromEntries(
      ['AUTHOR', 'COMMITTER'].flatMap((who) => [
        [`GIT_${who}_NAME`, 'create-mcp-sse'],
        [`GIT_${who}_EMAIL`, 'create-mcp-sse'],
      ]),
    ),
  };
  const git = (...args: string[]) => run('git', [`--git-dir=${gitDirectory}`, ...args], { cwd: folder, env });

  async function commit(name: string, tree: Tree, parents: string[]): Promise<string> {
    const workTree = join(folder, name);
    mkdirSync(workTree);
    for (const [path, content] of tree) outputFileSync(join(workTree, path), content);
    const inTree = (...args: string[]) => git(`--work-tree=${workTree}`, ...args);
    await inTree('read-tree', '--empty');
    await inTree('add', '--all', '--force', '.');
    const id = await git('write-tree');
    return git('commit-tree', id, '-m', name, ...parents.flatMap((parent) => ['-p', parent]));
  }

  try {
    await run('git', ['init', '--quiet', '--bare', '--template=', gitDirectory], { cwd: folder, env });
    mkdirSync(join(gitDirectory, 'info'), { recursive: true });
    // Bytes stay as they are, whatever a .gitattributes among the files says.
    writeFileSync(
      join(gitDirectory, 'info/attributes'),
      '* -text !filter !ident !merge !working-tree-encoding !conflict-marker-size\n',
    );
    for (const [name, value] of Object.entries(settings)) await git('config', name, value);
    const first = await commit('base', base, []);
    const labels = {
      [ourLabel]: await commit('ours', ours, [first]),
      [label]: await commit('theirs', theirs, [first]),
    };
    for (const [name, id] of Object.entries(labels)) await git('update-ref', `refs/heads/${name}`, id);

    const output = await git('merge-tree', '--write-tree', '-z', '--messages', ourLabel, label).catch(
      (error) => {
        // It ends with 1 if there are conflicts.
        if (error instanceof CommandFailed && /^[0-9a-f]{40,64}\0/.test(error.output)) return error.output;
        throw error;
      },
    );
    const [tree = '', ...rest] = output.split('\0');
    const result = join(folder, 'result');
    mkdirSync(result);
    await git(`--work-tree=${result}`, 'read-tree', tree);
    await git(`--work-tree=${result}`, '-C', result, 'checkout-index', '--all');
    return await use({
      tree: readTree(result),
      conflicts: readConflicts(rest),
      async differences(paths) {
        const diffs = new Map<string, string>();
        for (const path of paths)
          diffs.set(path, await git('diff', '--no-color', '--no-ext-diff', first, label, '--', path));
        return diffs;
      },
    });
  } finally {
    await remove(folder);
  }
}

const settings = {
  'core.autocrlf': 'false',
  'core.quotePath': 'false',
  'merge.renameLimit': '0',
  'merge.renames': 'true',
  // A file that the template adds to a folder which the user has renamed goes there.
  'merge.directoryRenames': 'true',
  'merge.conflictStyle': 'merge',
};

/**
 * Reads what `git merge-tree -z` prints after the tree: the stages of the conflicted files up to an empty field, then for
 * each message the number of paths, the paths, its kind and its text.
 */
function readConflicts(fields: readonly string[]): Map<string, Set<string>> {
  const conflicts = new Map<string, Set<string>>();
  const separator = fields.indexOf('');
  let at = separator + 1;
  while (at < fields.length && /^\d+$/.test(fields[at] ?? '')) {
    const count = Number(fields[at]);
    const paths = fields.slice(at + 1, at + 1 + count);
    const kind = fields[at + 1 + count] ?? '';
    at += count + 3;
    const [, conflict] = /^CONFLICT \((.*)\)$/.exec(kind) ?? [];
    if (conflict === undefined) continue;
    for (const path of paths) conflicts.set(path, (conflicts.get(path) ?? new Set()).add(conflict));
  }
  return conflicts;
}
