import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryDirectory } from '../fixtures/temporary.ts';
import { type Files, project, rendered, withLine } from './support/project.ts';

const guards = 'src/http/guards.ts';

function earlier(files: Files) {
  files[guards] = withLine(files[guards], 20, (line) => `${line} // not fixed yet`);
  delete files['src/sessions/session.ts'];
}

type Git = (...args: string[]) => string;

const checkouts: [string, (git: Git, from: string, to: string) => void][] = [
  ['a shallow clone', (git, from, to) => git('clone', '--quiet', '--depth=1', `file://${from}`, to)],
  [
    'a clone without the contents of files',
    (git, from, to) => {
      git('config', 'uploadpack.allowFilter', 'true');
      git('clone', '--quiet', '--filter=blob:none', `file://${from}`, to);
    },
  ],
  ['another work tree', (git, _from, to) => git('worktree', 'add', '--quiet', '--detach', to)],
  [
    'a clone with line ends of Windows',
    (git, from, to) => git('clone', '--quiet', '-c', 'core.autocrlf=true', from, to),
  ],
  [
    'a submodule',
    (git, from, to) => {
      const above = join(to, '..');
      git('init', '--quiet', above);
      git('-C', above, '-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', from, 'checkout');
    },
  ],
];

test.each(checkouts)('%s is updated like any other', async (_name, checkOut) => {
  const { git, root, plan } = await project({
    earlier,
    owner: (files) => {
      files[guards] = `// mine\n${files[guards]}`;
    },
  });
  const directory = join(temporaryDirectory(), 'checkout');
  checkOut(git, root, directory);
  const inCheckout = (...args: string[]) => execFileSync('git', args, { cwd: directory, encoding: 'utf8' });
  const windows = readFileSync(join(directory, guards), 'utf8').includes('\r\n');

  const { files, notApplied } = await (await plan({ directory })).make();
  expect(Object.fromEntries(files.map(({ path, action }) => [path, action]))).toEqual({
    [guards]: 'merge',
    'create-mcp-sse.json': 'update',
    'src/sessions/session.ts': 'add',
  });
  expect(notApplied).toEqual([]);
  const now = await rendered();
  const texts = {
    [guards]: `// mine\n${now[guards]}`,
    'src/sessions/session.ts': now['src/sessions/session.ts'],
  };
  for (const [path, text = ''] of Object.entries(texts))
    expect(readFileSync(join(directory, path), 'utf8')).toBe(windows ? text.replaceAll('\n', '\r\n') : text);
  expect(inCheckout('diff', '--numstat', '--', guards)).toBe(`1\t1\t${guards}\n`);
  expect(inCheckout('stash', 'list')).toBe('');
});
