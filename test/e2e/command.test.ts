import { once } from 'node:events';
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, inject, test } from 'vitest';
import { readTree, writeTree } from '../fixtures/files.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';
import { cleanEnvironment, command, runCommand } from './command.ts';

/** Runs the command without an install, which takes only a moment. */
async function make(args: string[], options: { cwd?: string; env?: Record<string, string> } = {}) {
  const cwd = options.cwd ?? temporaryDirectory();
  return { cwd, ...(await runCommand(['--no-install', '--no-git', ...args], { ...options, cwd })) };
}

const record = (cwd: string, directory = 'x') =>
  JSON.parse(readFileSync(join(cwd, directory, 'create-mcp-sse.json'), 'utf8'));

describe('the package', () => {
  const folder = join(inject('installed'), 'node_modules');

  test('the package is the only one installed, under 2 MB, without sources and tests', () => {
    expect(readdirSync(folder).filter((name) => !name.startsWith('.'))).toEqual(['create-mcp-sse']);
    const files = readdirSync(join(folder, 'create-mcp-sse'), {
      recursive: true,
      withFileTypes: true,
    }).filter((entry) => entry.isFile());
    const size = files.reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
    expect(size).toBeLessThan(2 * 1024 * 1024);
    expect(readdirSync(join(folder, 'create-mcp-sse')).sort()).toEqual(
      [
        ...['CHANGELOG.md', 'CONTRIBUTING.md', 'LICENSE', 'README.md', 'SECURITY.md'],
        ...['bench', 'bin', 'dist', 'docs', 'package.json', 'templates'],
      ].sort(),
    );
  });

  test('the package has the licences of the libraries that it bundles', () => {
    const text = readFileSync(join(folder, 'create-mcp-sse/dist/THIRD-PARTY-LICENSES'), 'utf8');
    for (const name of ['@clack/prompts', 'commander', 'execa', 'fs-extra', 'handlebars', 'kleur']) {
      expect(text).toContain(`\n${name} `);
    }
  });

  test('the package has a typed API', async () => {
    const cwd = temporaryDirectory();
    writeTree(cwd, {
      'use.mjs': `
        import { createRequire } from 'node:module';
        const { createProject } = await import(${JSON.stringify(join(folder, 'create-mcp-sse/dist/index.js'))});
        const { name, steps } = await createProject({ directory: 'x', install: false, git: false });
        console.log(name, steps.length);`,
    });
    const { stdout } = await execa('node', ['use.mjs'], { cwd });
    expect(stdout).toBe('x 5');

    // As in a project of the user, where the compiler finds the declarations of the installed package.
    const file = join(inject('installed'), 'use.mts');
    writeFileSync(
      file,
      `import { type Answers, createProject, planProject } from 'create-mcp-sse';
      export const auth: Answers['auth'] = 'jwt';
      export const port: number = (await createProject({ auth })).answers.port;
      // @ts-expect-error -- not an auth type
      await createProject({ auth: 'basic' });
      // @ts-expect-error -- a plan needs complete answers
      await planProject({ auth });`,
    );
    const typescript = dirname(createRequire(import.meta.url).resolve('typescript/package.json'));
    const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2023'];
    const types = ['--types', 'node', '--typeRoots', join(typescript, '../@types')];
    const tsc = [join(typescript, 'bin/tsc'), ...options, ...types, file];
    expect((await execa('node', tsc, { cwd: inject('installed'), reject: false })).stdout).toBe('');
  });
});

test('the examples of the README for programs work as written', async () => {
  const readme = readFileSync(join(import.meta.dirname, '../../README.md'), 'utf8');
  const section = readme.split('## From a program')[1]?.split('\n## ')[0] ?? '';
  const examples = [...section.matchAll(/```ts\n(.*?)```/gs)].map(([, code = '']) => code);
  const cwd = temporaryDirectory();
  const outputs = [];
  for (const [index, code] of examples.entries()) {
    const file = join(inject('installed'), `example-${index}.mjs`); // where its import finds the package
    writeFileSync(file, code);
    const { stdout } = await execa('node', [file], {
      cwd,
      env: cleanEnvironment,
      extendEnv: false,
    });
    outputs.push(stdout);
  }
  expect(outputs).toEqual([
    'http://127.0.0.1:9000/sse',
    expect.stringMatching(/^src\/sse\/sse-session\.ts \d+$/m),
  ]);
});

test.each([
  [['--name', '@me/x'], { name: '@me/x' }],
  [['--port', '9000'], { port: 9000 }],
  [['--endpoint', '/events'], { endpoint: '/events' }],
  [['--message-endpoint', '/post'], { messageEndpoint: '/post' }],
  [['--max-message-size', '1MB'], { maxMessageSize: '1mb' }],
  [['--auth', 'jwt'], { auth: 'jwt' }],
  [['--auth', 'custom'], { auth: 'custom' }],
  [['--auth', 'none'], { auth: 'none' }],
  [['--protect', 'messages'], { protect: ['messages'] }],
  [['--no-streamable-http'], { streamableHttp: false }],
  [['--streamable-http'], { streamableHttp: true }],
  [['--relay', 'none'], { relay: 'none' }],
  [['--host', '::1'], { host: '::1' }],
  [['--package-manager', 'pnpm'], { packageManager: 'pnpm' }],
])('the flags %j are in the record as %j', async (flags, expected) => {
  const { cwd, exitCode } = await make(['x', ...flags]);
  expect(exitCode).toBe(0);
  expect(record(cwd)).toMatchObject(expected);
});

test('the command ends with status 0, and prints the assumed answers and the next steps', async () => {
  const { exitCode, stdout, stderr } = await make(['x', '--port', '9000']);
  expect(exitCode).toBe(0);
  expect(stderr).toBe('');
  expect(stdout).toContain('Nothing was asked (no terminal). Assumed: --endpoint /sse');
  expect(stdout).toContain('cd x\n');
  expect(stdout).toContain('http://127.0.0.1:9000/sse');
  expect(stdout).toMatch(/--header "X-API-Key: [\w-]{43}"/);
});

test.each([
  [['--port', '70000'], '✗ --port 70000 must be a whole number from 1 to 65535'],
  [['--message-endpoint', '/sse'], '✗ --message-endpoint /sse must be a path other than'],
  [['--auth', 'none', '--protect', 'sse'], '✗ --protect sse must be left out with --auth none'],
  [['--auth', 'none', '--host', '0.0.0.0'], '✗ --host 0.0.0.0 must be a loopback address'],
  [['--nonsense'], '✗ --nonsense is not an option'],
  [['--config', 'nowhere.json'], '✗ --config nowhere.json does not exist'],
  [['x', 'y'], '✗ only one directory can be given'],
])('%j ends with status 2 and one line, and writes nothing', async (args, message) => {
  const { cwd, exitCode, stdout, stderr } = await make(args);
  expect(exitCode).toBe(2);
  expect(stdout).toBe('');
  expect(stderr.split('\n')).toHaveLength(1);
  expect(stderr).toContain(message);
  expect(readdirSync(cwd)).toEqual([]);
});

test('a missing package manager ends with status 2, and nothing is written', async () => {
  const cwd = temporaryDirectory();
  const bin = temporaryDirectory();
  writeTree(bin, { npm: '#!/bin/sh\nexit 0\n' });
  chmodSync(join(bin, 'npm'), 0o755);
  const { exitCode, stderr } = await runCommand(['x', '--package-manager', 'bun', '--no-git'], {
    cwd,
    env: { PATH: `${bin}:${join(process.execPath, '..')}:/bin:/usr/bin` },
  });
  expect(stderr).toContain('✗ --package-manager bun is not installed on this machine');
  expect(exitCode).toBe(2);
  expect(readdirSync(cwd)).toEqual([]);
});

test('a directory that is not empty ends with status 3, and stays as it was', async () => {
  const cwd = temporaryDirectory();
  writeTree(cwd, { 'x/README.md': 'mine' });
  const before = readTree(cwd);
  const { exitCode, stderr } = await make(['x'], { cwd });
  expect(exitCode).toBe(3);
  expect(stderr).toContain('--existing merge');
  expect(readTree(cwd)).toEqual(before);
});

test('a directory without permission to write ends with status 3', async ({ skip }) => {
  if (process.getuid?.() !== 0) skip('needs root, to become another user');
  const cwd = temporaryDirectory();
  chmodSync(cwd, 0o755);
  chmodSync(inject('installed'), 0o755);
  const nobody = 65534;
  const { exitCode, stderr } = await execa(command, ['x', '--no-install'], {
    cwd,
    env: { ...cleanEnvironment, HOME: '/nonexistent' },
    extendEnv: false,
    uid: nobody,
    gid: nobody,
    reject: false,
    stdin: 'ignore',
  });
  expect(stderr).toMatch(/✗ cannot write .*: no permission/);
  expect(exitCode).toBe(3);
  expect(readdirSync(cwd)).toEqual([]);
});

test('an unexpected failure ends with status 1, and shows a stack only on demand', async () => {
  const broken = temporaryDirectory();
  await execa('cp', ['-r', join(inject('installed'), 'node_modules/create-mcp-sse'), broken]);
  await execa('rm', ['-r', join(broken, 'create-mcp-sse/templates')]);
  const bin = join(broken, 'create-mcp-sse/bin/create-mcp-sse.js');
  const run = (env: Record<string, string>) =>
    execa('node', [bin, 'x', '--no-install'], {
      cwd: temporaryDirectory(),
      env: { ...cleanEnvironment, ...env },
      extendEnv: false,
      reject: false,
    });
  const plain = await run({});
  expect(plain.exitCode).toBe(1);
  expect(plain.stderr).toMatch(/^✗ ENOENT.* \(DEBUG=create-mcp-sse shows where\)$/);
  expect((await run({ DEBUG: 'create-mcp-sse' })).stderr).toMatch(/\n +at /);
});

test('--json prints one object and nothing else', async () => {
  const { cwd, exitCode, stdout, stderr } = await make(['x', '--json']);
  expect(exitCode).toBe(0);
  expect(stderr).toBe('');
  expect(Object.keys(JSON.parse(stdout))).toEqual([
    'ok',
    'directory',
    'name',
    'answers',
    'files',
    'steps',
    'nextSteps',
  ]);
  expect(JSON.parse(stdout)).toMatchObject({
    ok: true,
    directory: join(cwd, 'x'),
    answers: { port: 8080 },
  });
});

test.each([
  [['--port', 'x', '--json'], 2, { code: 'bad_input', flag: '--port' }],
  [['--json', '--nonsense'], 2, { code: 'bad_input', flag: '--nonsense' }],
  [['/proc/x', '--json'], 3, { code: 'target_not_writable' }],
])('--json prints one object also for the failure of %j', async (args, status, error) => {
  const { exitCode, stdout } = await make(args);
  expect(exitCode).toBe(status);
  expect(JSON.parse(stdout)).toMatchObject({ ok: false, error });
});

test('--json with --dry-run prints the plan as one object', async () => {
  const { cwd, exitCode, stdout } = await make(['x', '--json', '--dry-run']);
  expect(exitCode).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    ok: true,
    directory: join(cwd, 'x'),
    files: expect.arrayContaining([{ path: 'package.json', action: 'create' }]),
    steps: expect.arrayContaining([{ name: 'install', status: 'skipped', milliseconds: 0, note: 'dry run' }]),
  });
  expect(readdirSync(cwd)).toEqual([]);
});

test('a server that does not start with its own settings is not called proved', async () => {
  const cwd = temporaryDirectory();
  const { exitCode, stdout, stderr } = await runCommand(['x', '--host', 'nowhere.invalid', '--no-git'], {
    cwd,
  });
  expect(exitCode).toBe(5);
  expect(stdout).toContain('Not proved');
  expect(stderr).toContain('nowhere.invalid');
  expect(stderr).toContain('✗ the server does not start with its own settings');
}, 120_000);

test('--dry-run shows what would be done to each file, and writes nothing', async () => {
  const cwd = temporaryDirectory();
  writeTree(cwd, { 'x/README.md': 'mine', 'x/notes.txt': 'mine' });
  const before = readTree(cwd);
  for (const [existing, action] of [
    ['merge', 'keep'],
    ['overwrite', 'overwrite'],
  ]) {
    const { stdout, exitCode } = await make(['x', '--dry-run', '--existing', existing ?? ''], { cwd });
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(new RegExp(`^  ${action} +README\\.md$`, 'm'));
    expect(stdout).toMatch(/^ {2}create +package\.json$/m);
    expect(stdout).not.toContain('notes.txt');
  }
  expect(readTree(cwd)).toEqual(before);
});

test('nothing is committed while a .gitignore that was kept does not ignore the secret', async () => {
  const cwd = temporaryDirectory();
  writeTree(cwd, { 'x/.gitignore': 'node_modules\n' });
  const { exitCode, stdout } = await runCommand(['x', '--no-install', '--existing', 'merge'], { cwd });
  expect(exitCode).toBe(0);
  expect(stdout).toContain('nothing committed: first add .env, which holds the secret, to your .gitignore');
  expect(stdout).toMatch(/Your \.gitignore was kept\. Add to it, or git tracks those files: dist\/, .*\.env/);
  const staged = await execa('git', ['ls-files'], { cwd: join(cwd, 'x') });
  expect(staged.stdout).toBe('');
  const commits = await execa('git', ['rev-list', '--all'], { cwd: join(cwd, 'x') });
  expect(commits.stdout).toBe('');
});

test('--config with a record creates the same files except secrets, and flags win over it', async () => {
  const { cwd } = await make(['x', '--auth', 'jwt', '--port', '9000', '--protect', 'sse', '--name', 'same']);
  await make(['y', '--config', 'x/create-mcp-sse.json'], { cwd });
  const [x, y] = [readTree(join(cwd, 'x')), readTree(join(cwd, 'y'))];
  expect(x['.env']).not.toBe(y['.env']);
  expect({ ...y, '.env': '' }).toEqual({ ...x, '.env': '' });

  const { stdout } = await make(['z', '--config', 'x/create-mcp-sse.json', '--port', '9001'], { cwd });
  expect(stdout).toContain('Created z ');
  expect(record(cwd, 'z')).toEqual({ ...record(cwd, 'x'), port: 9001, rendered: expect.any(String) });
});

test.each(['my server', 'a/b/c', "it's", '日本', 'Ünï', '-dash', '.', '$HOME', 'a;b'])(
  'a directory called %j is created, with a package name that npm accepts',
  async (directory) => {
    const { cwd, exitCode, stderr } = await make(directory.startsWith('-') ? ['--', directory] : [directory]);
    expect(exitCode).toBe(0);
    const { name } = JSON.parse(readFileSync(join(cwd, directory, 'package.json'), 'utf8'));
    expect(name).toMatch(/^[a-z0-9][a-z0-9._-]*$/);
    if (/[^a-z/.]/.test(directory)) expect(stderr).toContain(`the package is called ${name}`);
  },
);

test('a directory that was not given is among the assumed answers', async () => {
  const { stdout } = await make([]);
  expect(stdout).toContain('Assumed: my-mcp-server --port 8080 --endpoint /sse');
});

test.each([
  [['--protect', 'sse'], true],
  [['--protect', 'sse', '--no-streamable-http'], false],
  [['--protect', 'messages'], false],
])('%j warns of tools that anyone can call: %j', async (flags, warned) => {
  const { exitCode, stderr } = await make(['x', ...flags]);
  expect(exitCode).toBe(0);
  expect(stderr.includes('anyone can call tools on /mcp without a credential')).toBe(warned);
});

test('a port in use is a warning that names the program', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const { exitCode, stderr } = await make(['x', '--port', String(port)]);
  server.close();
  expect(exitCode).toBe(0);
  expect(stderr).toContain(`port ${port} is in use on this machine, by `);
});

test.each([[[]], [['--json']], [['--dry-run']], [['--help']]])(
  'a full disk behind stdout is one line and status 1, with nothing left beside the target: %j',
  async (flags) => {
    const cwd = temporaryDirectory();
    const line = `"${command}" x --no-install --no-git "$@" > /dev/full`;
    const { exitCode, stderr } = await execa('bash', ['-c', line, 'bash', ...flags], { cwd, reject: false });
    expect(stderr).toBe('✗ cannot write to stdout: the disk is full');
    expect(exitCode).toBe(1);
    expect(readdirSync(cwd)).toEqual(flags.includes('--json') ? ['x'] : []);
  },
);

test('a full disk behind stderr does not stop the run', async () => {
  const cwd = temporaryDirectory();
  const line = `"${command}" 'my server' --no-install --no-git 2> /dev/full`;
  const { exitCode } = await execa('bash', ['-c', line], { cwd, reject: false });
  expect(exitCode).toBe(0);
  expect(readdirSync(cwd)).toEqual(['my server']);
});

const hostile = 'a\u001b[2Jb\u009bc\u202ed';

test('what a record, a file or a name brings is printed without what moves the cursor', async () => {
  const cwd = temporaryDirectory();
  writeTree(cwd, {
    'a.json': JSON.stringify({ generator: hostile }),
    'b.json': JSON.stringify({ [hostile]: 1 }),
    'c.json': JSON.stringify({ name: hostile }),
    [`full/${hostile}`]: '',
  });
  const runs = [
    await make(['x', '--config', 'a.json'], { cwd }),
    await make(['y', '--config', 'b.json'], { cwd }),
    await make(['y', '--config', 'c.json'], { cwd }),
    await make(['full', '--existing', 'merge'], { cwd }),
    await make([`full/${hostile}`], { cwd }),
    await make(['y', '--port', hostile], { cwd }),
    await make(['y', `--${hostile}`], { cwd }),
    await make([hostile, '--dry-run'], { cwd }),
    await make([`${hostile}/x`], { cwd }),
  ];
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what must not be there
  const moving = /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/;
  expect(runs.filter(({ stdout, stderr }) => moving.test(stdout + stderr))).toEqual([]);
});

test.each([
  ['directory', '/tmp'],
  ['existing', 'overwrite'],
])('a record cannot say %s', async (key, value) => {
  const cwd = temporaryDirectory();
  writeTree(cwd, { 'a.json': JSON.stringify({ [key]: value }) });
  const { exitCode, stderr } = await make(['--config', 'a.json'], { cwd });
  expect(exitCode).toBe(2);
  expect(stderr).toContain(`--config a.json, ${key} must be given as `);
  expect(readdirSync(cwd)).toEqual(['a.json']);
});

test.each([{ port: [9000] }, { protect: [] }, { protect: ['sse', null] }, { auth: ['jwt'] }])(
  'a config file with %j is refused',
  async (answers) => {
    const cwd = temporaryDirectory();
    writeTree(cwd, { 'a.json': JSON.stringify(answers) });
    const { exitCode, stderr } = await make(['x', '--config', 'a.json'], { cwd });
    expect(exitCode).toBe(2);
    expect(stderr.split('\n')).toHaveLength(1);
    expect(readdirSync(cwd)).toEqual(['a.json']);
  },
);

test.each(['.idea/workspace.xml', 'lost+found/x', '.gitkeep', '.git/HEAD', '.DS_Store'])(
  'a directory with nothing but %s counts as empty, and keeps it',
  async (path) => {
    const cwd = temporaryDirectory();
    writeTree(cwd, { [`x/${path}`]: 'mine' });
    const { exitCode } = await make(['x'], { cwd });
    expect(exitCode).toBe(0);
    expect(readFileSync(join(cwd, 'x', path), 'utf8')).toBe('mine');
  },
);

test.each(['x', '$(touch pwned)', 'k`touch pwned`', 'k"; touch pwned; "', '$HOME', '!!'])(
  'the command printed for a kept .env with the key %j runs nothing else',
  async (key) => {
    const cwd = temporaryDirectory();
    const bin = temporaryDirectory();
    writeTree(cwd, { 'x/.env': `API_KEY=${key}\n` });
    writeTree(bin, { claude: '#!/bin/sh\nprintf "%s\\n" "$@"\n' });
    chmodSync(join(bin, 'claude'), 0o755);
    const { stdout } = await make(['x', '--existing', 'merge', '--host', '::1'], { cwd });
    const printed = /claude mcp add .*/.exec(stdout)?.[0] ?? '';
    const { stdout: words } = await execa('bash', ['-c', printed], {
      cwd,
      env: { PATH: `${bin}:${process.env.PATH}` },
    });
    const shown = /^[\w-]+$/.test(key) ? key : '<key>';
    const options = ['mcp', 'add', '--transport', 'sse', 'x', 'http://[::1]:8080/sse', '--header'];
    expect(words.split('\n')).toEqual([...options, `X-API-Key: ${shown}`]);
    expect(readdirSync(cwd)).toEqual(['x']);
    expect(printed).toMatch(/(["'])http:\/\/\[::1\]:8080\/sse\1/); // zsh would look for files
  },
);

test('a failure as JSON has all that is known of it in error', async () => {
  const cwd = temporaryDirectory();
  const bin = temporaryDirectory();
  writeTree(bin, { npm: '#!/bin/sh\n[ "$1" = --version ] || { echo no network; exit 1; }\n' });
  chmodSync(join(bin, 'npm'), 0o755);
  const { exitCode, stdout } = await runCommand(['x', '--json'], {
    cwd,
    env: { PATH: `${bin}:${process.env.PATH}` },
  });
  expect(exitCode).toBe(4);
  expect(JSON.parse(stdout)).toEqual({
    ok: false,
    error: {
      code: 'install_failed',
      message: expect.any(String),
      directory: join(cwd, 'x'),
      resume: expect.arrayContaining(['cd x', 'npm install']),
      output: 'no network',
    },
  });
});

test.each(['| true', '| head -1', '>&-', '>&- 2>&-', '<&- >&- 2>&-'])(
  'a reader that goes away early, or was never there, is not a failure: %s',
  async (output) => {
    const cwd = temporaryDirectory();
    const line = `set -o pipefail; "${command}" x --yes --no-install --no-git ${output}`;
    const { exitCode, stderr } = await execa('bash', ['-c', line], { cwd, reject: false });
    expect(stderr).toBe('');
    expect(exitCode).toBe(0);
    expect(readdirSync(join(cwd, 'x'))).toContain('package.json');
  },
);

test('a Node.js that is too old is told which one is needed', async () => {
  const cwd = temporaryDirectory();
  const file = join(inject('installed'), 'node_modules/create-mcp-sse/bin/create-mcp-sse.js');
  mkdirSync(join(cwd, 'bin'));
  // An old Node.js, as far as the file can tell.
  const source = readFileSync(file, 'utf8').replace('#!/usr/bin/env node', '');
  const old = `Object.defineProperty(process.versions, 'node', { value: '18.20.0' });\n${source}`;
  writeFileSync(join(cwd, 'old.cjs'), old);
  const { exitCode, stderr } = await execa('node', ['old.cjs'], { cwd, reject: false });
  expect(exitCode).toBe(1);
  expect(stderr).toBe(
    'create-mcp-sse needs Node.js 20.12 or newer. This is 18.20.0. Get a newer one at https://nodejs.org',
  );
  // What ECMAScript 5 did not have, an old Node.js could not even read.
  expect(source).not.toMatch(/\b(const|let|import|export|class|async)\b|=>|`/);
});
