import { execFileSync } from 'node:child_process';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Files, project, rendered, withLine } from './support/project.ts';

const guards = 'src/http/guards.ts';
const packages = join(import.meta.dirname, '../../node_modules');
const programs = {
  prettier: join(packages, 'prettier/bin/prettier.cjs'),
  biome: join(packages, '@biomejs/biome/bin/biome'),
};

const prettierSettings = {
  '.prettierrc.json': JSON.stringify({
    printWidth: 60,
    useTabs: true,
    overrides: [{ files: 'src/http/**', options: { semi: false } }],
  }),
  '.prettierignore': 'docs\n',
};
const biomeSettings = {
  'biome.json': JSON.stringify({
    files: { includes: ['**', '!**/grafana'] },
    formatter: { lineWidth: 60 },
    javascript: { formatter: { semicolons: 'asNeeded' } },
  }),
};

/** What this version changed: fixes in a file that formatters change much, and a new file. */
function earlier(files: Files) {
  files[guards] = withLine(files[guards], 20, (line) => `${line} // not fixed yet`);
  files['AGENTS.md'] = withLine(files['AGENTS.md'], 2, (line) => `${line} An older sentence.`);
  delete files['src/sessions/session.ts'];
}

/** A project that its owner has formatted, and edited since. */
async function formatted({
  settings,
  program,
  args,
  folder = '.',
  settingsIn = folder,
}: {
  settings: Files;
  program: keyof typeof programs;
  args: readonly string[];
  folder?: string;
  settingsIn?: string;
}) {
  const made = await project({ earlier, folder });
  const { root, directory, commit, read, write } = made;
  const up = join(directory, settingsIn === folder ? '.' : '..');
  for (const [path, text] of Object.entries(settings))
    write(join(settingsIn === folder ? '' : '..', path), text);
  symlinkSync(packages, join(up, 'node_modules'));
  const format = (...words: string[]) =>
    execFileSync('node', [programs[program], ...words], { cwd: directory, encoding: 'utf8', stdio: 'pipe' });
  format(...args);
  write(guards, `// mine\n${read(guards)}`);
  commit();
  return { ...made, root, format };
}

test.each([
  ['Prettier', { settings: prettierSettings, program: 'prettier', args: ['--write', '.'] }],
  [
    'Prettier, with settings further up in a monorepo',
    {
      settings: prettierSettings,
      program: 'prettier',
      args: ['--write', '.'],
      folder: 'server',
      settingsIn: '.',
    },
  ],
  ['Biome', { settings: biomeSettings, program: 'biome', args: ['format', '--write', '.'] }],
  [
    'Biome, which sorts imports too',
    { settings: biomeSettings, program: 'biome', args: ['check', '--write', '.'] },
  ],
] as const)(
  'a project formatted with %s has no conflicts, and is formatted afterwards',
  async (_name, how) => {
    const { update, read, git, commit, format } = await formatted(how);
    const { actions, notApplied, notes } = await update();
    expect(actions).toMatchObject({
      [guards]: 'merge',
      'AGENTS.md': 'update',
      'src/sessions/session.ts': 'add',
    });
    expect(Object.values(actions)).not.toContain('conflict');
    expect({ notApplied, notes }).toEqual({ notApplied: [], notes: [] });
    expect(read(guards)).toMatch(/^\/\/ mine\n/);
    expect(read(guards)).not.toContain('not fixed yet');
    commit();
    format(...how.args);
    expect(git('status', '--porcelain')).toBe('');
  },
);

test('of a project in which only one file was formatted, only that one is', async () => {
  const { update, read, base } = await formatted({
    settings: prettierSettings,
    program: 'prettier',
    args: ['--write', guards],
  });
  const { actions } = await update();
  expect(actions).toMatchObject({ [guards]: 'merge', 'AGENTS.md': 'update' });
  const now = await rendered();
  expect(read('AGENTS.md')).toBe(now['AGENTS.md']);
  expect(read('src/sessions/session.ts')).toBe(now['src/sessions/session.ts']);
  expect(base[guards]).toContain(';\n');
  expect(read(guards)).not.toContain(';\n');
}, 120_000);

test('a formatter that is not installed is named', async () => {
  const { update } = await project({
    earlier,
    owner: (files) => Object.assign(files, prettierSettings),
  });
  expect((await update()).notes).toEqual([
    'Prettier is not installed here, so files that it has formatted may conflict',
  ]);
});
