import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, inject, test } from 'vitest';
import { writeTree } from '../fixtures/files.ts';
import { type Manager, managers } from './support/managers.ts';
import { forms, person } from './support/person.ts';
import { earlierVersion } from './support/registry.ts';

const commit = 'git add --all && git commit --quiet --message mine';

/** Makes a committed project with the earlier version, and nothing installed. */
async function earlierProject(manager: Manager) {
  const someone = person(manager);
  const form = forms[manager.program].replace('@latest', '').replace('mcp-sse', 'mcp-sse@0.0.9');
  // Yarn 1 takes no version here. The registry has the version under the name that npm knows.
  const make = manager.package === 'yarn-1' ? 'npx --yes create-mcp-sse@0.0.9' : form;
  const made = await someone.types(`${make} srv --package-manager ${manager.program} --no-install --no-git`);
  expect(made.exitCode, made.all).toBe(0);
  const directory = join(someone.cwd, 'srv');
  return {
    ...someone,
    directory,
    read: (path: string) => readFileSync(join(directory, path), 'utf8'),
    /** Types a line in the project. */
    inProject: (line: string) => someone.types(`cd srv && ${line}`),
  };
}

test('a project that its owner changed is updated twice, proved each time, and a tool is added', async () => {
  const { directory, read, inProject } = await earlierProject(managers['npm 11']);
  expect(read('src/http/guards.ts')).toContain('// Not fixed yet.');
  // A renamed file, settings and an application of its owner's, a dependency and a script.
  await inProject('git init --quiet && git mv -k x y; mv src/http/guards.ts src/http/doorkeeper.ts');
  await inProject("grep -rl 'guards.ts' src | xargs sed -i 's#/guards.ts#/doorkeeper.ts#'");
  await inProject("sed -i '1i // My server.' src/config.ts src/app.ts src/server.ts");
  await inProject('npm pkg set scripts.deploy=deploy');
  writeTree(directory, { 'src/mine.ts': 'export const mine = 1;\n', 'README.md': '# Mine\n' });
  await inProject(commit);

  const first = await inProject('npx --yes create-mcp-sse@latest update');
  const [, news] = /^### Existing projects\n\n(- .*)$/m.exec(inject('release').notes) ?? [];
  expect(first.stdout).toContain(`New since ${earlierVersion}:\n  ${news}\n`);
  expect(first.all).toContain('Proved by its own tests');
  expect(first.exitCode, first.all).toBe(0);
  expect(read('src/http/doorkeeper.ts')).not.toContain('// Not fixed yet.');
  expect(existsSync(join(directory, 'src/http/guards.ts'))).toBe(false);
  expect(existsSync(join(directory, 'src/dropped.ts'))).toBe(false);
  expect(read('src/config.ts')).toMatch(/^\/\/ My server\.\n/);
  expect(read('README.md')).toBe('# Mine\n');
  await inProject(commit);

  const second = await inProject('npx --yes create-mcp-sse@latest update --auth jwt --relay redis');
  expect(second.all).toContain('Proved by its own tests');
  expect(second.exitCode, second.all).toBe(0);
  expect(read('src/config.ts')).toMatch(/^\/\/ My server\.\n/);
  expect(read('src/server.ts')).toContain('/doorkeeper.ts');
  expect(JSON.parse(read('package.json')).scripts.deploy).toBe('deploy');
  await inProject(commit);

  const added = await inProject('npx --yes create-mcp-sse@latest add tool look_up');
  expect(added.all).toContain('It compiles, and all tests pass.');
  expect(added.exitCode, added.all).toBe(0);
  expect((await inProject('git status --porcelain')).stdout).toContain('?? src/tools/look-up.ts');
}, 240_000);

test.each(['npm 9', 'pnpm 10', 'pnpm 12', 'Yarn 1', 'Yarn 4.18, node_modules', 'bun'] as const)(
  '%s fetches the version that made a project, and updates it',
  async (name) => {
    const { read, inProject } = await earlierProject(managers[name]);
    await inProject(`git init --quiet && ${commit}`);
    const form = forms[managers[name].program];
    const { exitCode, all } = await inProject(`${form} update --no-install --no-verify`);
    expect(exitCode, all).toBe(0);
    expect(read('src/http/guards.ts')).not.toContain('// Not fixed yet.');
  },
);

test('with the registry away, an update ends within seconds, and writes nothing', async () => {
  const { inProject } = await earlierProject(managers['npm 11']);
  await inProject(`git init --quiet && ${commit}`);
  await inProject('npm install --silent --prefix "$HOME/latest" create-mcp-sse@latest');
  const command = '"$HOME/latest/node_modules/.bin/create-mcp-sse"';
  const line = 'npm_config_registry=http://127.0.0.1:9/ npm_config_cache="$HOME/empty"';
  const { exitCode, all } = await inProject(`${line} ${command} update`);
  expect(all).toContain('create-mcp-sse@0.0.9, which made the project, cannot be fetched');
  expect(exitCode).toBe(1);
  expect((await inProject('git status --porcelain')).stdout).toBe('');
});
