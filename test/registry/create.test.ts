import { appendFileSync, existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { writeTree } from '../fixtures/files.ts';
import { type Manager, managers } from './support/managers.ts';
import { forms, person } from './support/person.ts';

const lockFiles = { npm: 'package-lock.json', pnpm: 'pnpm-lock.yaml', yarn: 'yarn.lock', bun: 'bun.lock' };

test.each(Object.entries<Manager>(managers))(
  '%s creates a server with the options typed, installs, builds and proves it',
  async (_name, manager) => {
    const { cwd, types, record } = person(manager);
    writeTree(cwd, { 'server/README.md': 'mine', 'server/notes.txt': 'mine' });
    const options = '--auth jwt --port 9000 --existing overwrite';
    const { all, exitCode } = await types(`umask 077; ${forms[manager.program]} server ${options}`);
    expect(all).toContain('Proved by its own tests');
    expect(exitCode, all).toBe(0);
    expect(record('server')).toMatchObject({ auth: 'jwt', port: 9000, packageManager: manager.program });
    const directory = join(cwd, 'server');
    expect(readdirSync(directory)).toEqual(
      expect.arrayContaining([lockFiles[manager.program], 'dist', '.git']),
    );
    expect(readFileSync(join(directory, 'README.md'), 'utf8')).not.toBe('mine');
    expect(readFileSync(join(directory, 'notes.txt'), 'utf8')).toBe('mine');
    expect(lstatSync(join(directory, '.env')).mode & 0o777).toBe(0o600);
  },
);

describe.each(['npm 9', 'npm 10', 'npm 11'] as const)('%s', (name) => {
  const quick = '--no-install';

  test.each([
    ['npx --yes create-mcp-sse@latest', 'x --auth jwt --port 9000 --no-git'],
    ['npm create mcp-sse@latest', 'x -- --auth jwt --port 9000 --no-git'],
    ['npm init mcp-sse@latest', 'x --port 9000 -- --auth jwt --no-git'],
  ])('%s %s does what the options say', async (form, options) => {
    const { cwd, types, record } = person(managers[name]);
    const { exitCode, stderr } = await types(`${form} ${options} ${quick}`);
    expect(stderr).not.toContain('took');
    expect(exitCode).toBe(0);
    expect(record('x')).toMatchObject({ auth: 'jwt', port: 9000 });
    expect(existsSync(join(cwd, 'x/.git'))).toBe(false);
  });

  test.each([
    ['x --port 9000 --no-streamable-http', { port: 9000, streamableHttp: false }],
    ['--port=9000 --relay=redis x', { port: 9000, relay: 'redis' }],
    ['x --protect sse --max-message-size 1mb', { protect: ['sse'], maxMessageSize: '1mb' }],
    ['x --config=saved.json', { port: 9001, auth: 'custom' }],
  ])('npm create mcp-sse@latest %s, without a --, does what was meant', async (options, answers) => {
    const { cwd, types, record } = person(managers[name]);
    writeTree(cwd, { 'saved.json': '{"port":9001,"auth":"custom"}' });
    const { exitCode, stdout } = await types(`npm create --yes mcp-sse@latest ${options} ${quick}`);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('--no-install');
    expect(record('x')).toMatchObject(answers);
  });

  test.each([
    ['x --host localhost', '--host was taken by npm'],
    ['x --config saved.json', '--config was taken by npm'],
    ['x --port', '--port was taken by npm'],
    ['x y --auth=jwt', 'only one directory can be given'],
  ])('npm create mcp-sse@latest %s is refused in one line, and nothing is written', async (options, why) => {
    const { cwd, types } = person(managers[name]);
    const { exitCode, stderr } = await types(`npm create --yes mcp-sse@latest ${options} ${quick}`);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(`✗ ${why}`);
    expect(readdirSync(cwd)).toEqual([]);
  });

  test('npm create mcp-sse@latest x --dry-run, which some versions of npm obey, writes nothing', async () => {
    const { cwd, types } = person(managers[name]);
    const { exitCode } = await types(`npm create --yes mcp-sse@latest x --dry-run ${quick}`);
    expect(exitCode).not.toBe(0);
    expect(readdirSync(cwd)).toEqual([]);
  });

  test('what npm keeps for itself is said before anything is written', async () => {
    const { types } = person(managers[name]);
    const { exitCode, stderr, stdout } = await types(
      `npm create mcp-sse@latest x --auth jwt --json --yes ${quick}`,
    );
    expect(exitCode).toBe(0);
    expect(stderr).toMatch(
      /npm took --yes .*npm took --json .*npm create drops --auth unless it follows --/s,
    );
    expect(stdout).toContain('--auth apikey');
  });
});

test.each(['pnpm 12', 'Yarn 4.18, Plug’n’Play', 'bun'] as const)(
  '%s passes a path with spaces on, and a -- before the options does not matter',
  async (name) => {
    const { types, record } = person(managers[name]);
    const form = forms[managers[name].program];
    const { stderr, exitCode } = await types(`${form} 'a b' -- --port 9000 --no-install --no-git`);
    expect(stderr).not.toContain('✗');
    expect(exitCode).toBe(0);
    expect(record('a b')).toMatchObject({ port: 9000, name: 'a-b' });
  },
);

test.each([
  ['Yarn 1', '.yarnrc', 'production true\n', '.yarnrc'],
  ['bun', '.bunfig.toml', '[install]\nproduction = true\n', 'bunfig.toml'],
] as const)(
  '%s, told by %s to leave out the devDependencies, is said to',
  async (name, file, text, named) => {
    const { home, types } = person(managers[name]);
    appendFileSync(join(home, file), text);
    const { exitCode, stderr } = await types(`${forms[managers[name].program]} x`);
    expect(stderr).toContain(`✗ ${managers[name].program} left out the devDependencies`);
    expect(stderr).toContain(`remove the setting "production" from your ${named}`);
    expect(exitCode).toBe(4);
  },
);

test.each(['pnpm 10', 'pnpm 12'] as const)('%s works in a path of whatever characters', async (name) => {
  const { types } = person(managers[name]);
  const path = ' !"#$%&()*+,-.;<=>?@[]^_`{|}~';
  const { exitCode, all } = await types(`${forms.pnpm} './${path}' --name x`);
  expect(all).toContain('Proved by its own tests');
  expect(exitCode, all).toBe(0);
});

test('with Yarn 1, which splits a path at its spaces, the command says so', async () => {
  const { cwd, types } = person(managers['Yarn 1']);
  const { stderr } = await types(`${forms.yarn} 'a b' --no-install`);
  expect(stderr).toContain('only one directory can be given; Yarn 1 splits a path at its spaces');
  expect(readdirSync(cwd)).toEqual([]);
});
