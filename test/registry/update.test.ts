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

/** A tool of the owner's that needs a setting and what the application opens, with its test. */
const ownFiles = {
  'src/tools/greet.ts': `import type { McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';

const definition = { description: 'Greets somebody.', inputSchema: z.object({ name: z.string() }) };

export function registerGreet(server: McpServer, greeting: string): void {
  server.registerTool('greet', definition, ({ name }) => ({
    content: [{ type: 'text', text: \`\${greeting}, \${name}\` }],
  }));
}
`,
  'test/greet.test.ts': `import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectInProcess } from './harness.ts';

test('greet greets', async (t) => {
  const client = await connectInProcess(t);
  const result = await client.callTool({ name: 'greet', arguments: { name: 'Ada' } });
  assert.deepEqual(result.content, [{ type: 'text', text: 'Hello, Ada' }]);
});
`,
  'README.md': '# Mine\n',
};

/** What else the owner changes: the application, a setting, the registration, and the provider. */
const ownEdits: [path: string, text: string | RegExp, by: string][] = [
  ['src/app.ts', '_config: Config', 'config: Config'],
  ['src/app.ts', '  return {\n', '  return {\n    greeting: config.app.greeting,\n'],
  [
    'src/config.ts',
    /( {4}\/\/ Settings of your own.*\n) {4}\/\/ app: .*\n/,
    "$1    app: { greeting: env.text('GREETING', 'Hello', 'How tools greet.') },\n",
  ],
  ['src/mcp-server.ts', '_context: McpServerContext', '{ app }: McpServerContext'],
  [
    'src/mcp-server.ts',
    'import { registerWhoami }',
    "import { registerGreet } from './tools/greet.ts';\nimport { registerWhoami }",
  ],
  [
    'src/mcp-server.ts',
    '  registerEcho(server);\n',
    '  registerEcho(server);\n  registerGreet(server, app.greeting);\n',
  ],
  ['src/auth/api-key-auth-provider.ts', 'const minKeyLength = 16;', 'const minKeyLength = 20;'],
];

test('a project that its owner changed is updated twice, proved each time, and a tool is added', async () => {
  const { directory, read, inProject } = await earlierProject(managers['npm 11']);
  expect(read('src/http/guards.ts')).toContain('// Not fixed yet.');
  await inProject('git init --quiet && mv src/http/guards.ts src/http/doorkeeper.ts');
  await inProject("grep -rl 'guards.ts' src | xargs sed -i 's#/guards.ts#/doorkeeper.ts#'");
  await inProject('npm pkg set scripts.deploy=deploy');
  for (const [path, text, by] of ownEdits) {
    const edited = read(path).replace(text, by);
    expect(edited, path).not.toBe(read(path));
    writeTree(directory, { [path]: edited });
  }
  writeTree(directory, ownFiles);
  await inProject(commit);

  const first = await inProject('npx --yes create-mcp-sse@latest update');
  const [, news] = /^### Existing projects\n\n(- .*)$/m.exec(inject('release').notes) ?? [];
  expect(first.stdout).toContain(`New since ${earlierVersion}:\n  ${news}\n`);
  expect(first.all).toContain('Proved by its own tests');
  expect(first.exitCode, first.all).toBe(0);
  expect(read('src/http/doorkeeper.ts')).not.toContain('// Not fixed yet.');
  expect(existsSync(join(directory, 'src/http/guards.ts'))).toBe(false);
  for (const gone of ['src/dropped.ts', 'src/http/send-once.ts'])
    expect(existsSync(join(directory, gone)), gone).toBe(false);
  expect(read('src/settings/server.ts')).toContain('MAX_MESSAGE_VALUES');
  expect(JSON.parse(read('package.json')).devDependencies).toHaveProperty('@types/node');
  expect(first.stdout).not.toContain('Not applied');
  expect(first.stdout).toContain('greet greets');
  expect(read('README.md')).toBe('# Mine\n');
  await inProject(commit);

  const second = await inProject('npx --yes create-mcp-sse@latest update --auth jwt --relay redis');
  expect(second.all).toContain('Proved by its own tests');
  expect(second.exitCode, second.all).toBe(0);
  expect(second.stdout).toContain('greet greets');
  // The template has no use for it with JWT, but its owner changed it.
  expect(second.stdout).toMatch(/keep +src\/auth\/api-key-auth-provider\.ts/);
  expect(read('src/auth/api-key-auth-provider.ts')).toContain('minKeyLength = 20');
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
