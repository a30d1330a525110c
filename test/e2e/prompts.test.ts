import { once } from 'node:events';
import { chmodSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { readTree, writeTree } from '../fixtures/files.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';
import { keys, Terminal } from './terminal.ts';

const { enter, ctrlC, down, left, space } = keys;
const quick = ['--no-install', '--no-git'];

/** The questions in their order, each with what takes the default. */
const dialogue = [
  ['Where should the server be created?', enter],
  ['Which port', enter],
  ['open the event stream', enter],
  ['POST their messages', enter],
  ['How large', enter],
  ['prove who they are', enter],
  ['Which endpoints', enter],
  ['More options?', left, enter],
  ['What is the package called', enter],
  ['Serve Streamable HTTP', enter],
  ['more than one machine?', enter],
  ['Which package manager', enter],
  ['Create it?', enter],
] as const;

const record = (cwd: string, directory: string) =>
  JSON.parse(readFileSync(join(cwd, directory, 'create-mcp-sse.json'), 'utf8'));

test('Enter at every question creates a server with the defaults', async () => {
  const cwd = temporaryDirectory();
  const terminal = new Terminal(quick, { cwd });
  await terminal.answer(...dialogue);
  expect(await terminal.end()).toBe(0);
  expect(record(cwd, 'my-mcp-server')).toMatchObject({ port: 8080, auth: 'apikey', relay: 'none' });
  expect(terminal.text).not.toContain('Warning');
  expect(terminal.text).toContain('To create the same server again:');
  expect(terminal.text).toContain('npx create-mcp-sse@latest my-mcp-server --no-install --no-git --yes');
});

test('the answers typed are in the project, and mistakes are refused at once', async () => {
  const cwd = temporaryDirectory();
  const terminal = new Terminal(quick, { cwd });
  await terminal.answer(
    ['Where', 'a server', enter],
    ['Which port', '70000', enter],
    ['Must be a whole number from 1 to 65535', '\x15', '9000', enter],
    ['open the event stream', '/events', enter],
    ['POST their messages', '/events', enter],
    ["Must be a path other than the SSE endpoint's", '\x15', '/post', enter],
    ['How large', '2MB', enter],
    ['prove who they are', down, enter],
    ['Which endpoints', keys.space, enter],
    ['More options?', enter],
    ['Create it?', enter],
  );
  expect(await terminal.end()).toBe(0);
  expect(record(cwd, 'a server')).toMatchObject({
    name: 'a-server',
    port: 9000,
    endpoint: '/events',
    messageEndpoint: '/post',
    maxMessageSize: '2mb',
    auth: 'jwt',
    protect: ['messages'],
  });
  expect(terminal.text).toContain(
    "npx create-mcp-sse@latest 'a server' --port 9000 --endpoint /events --message-endpoint /post " +
      '--max-message-size 2mb --auth jwt --protect messages --no-install --no-git --yes',
  );
});

test('a question that a flag answers is not asked', async () => {
  const cwd = temporaryDirectory();
  const terminal = new Terminal([...quick, 'x', '--auth', 'none', '--port', '9000'], { cwd });
  await terminal.answer(
    ['open the event stream', enter],
    ['POST their messages', enter],
    ['How large', enter],
    ['More options?', enter],
    ['Create it?', enter],
  );
  expect(await terminal.end()).toBe(0);
  for (const question of ['Where should', 'Which port', 'prove who', 'Which endpoints']) {
    expect(terminal.text).not.toContain(question);
  }
});

describe.each([
  ['Esc', keys.escape],
  ['Ctrl-C', ctrlC],
])('%s', (_name, key) => {
  test.each(dialogue.map(([question], index) => [question, index] as const))(
    'cancelling at "%s" ends with status 130 and leaves nothing',
    async (question, index) => {
      const cwd = temporaryDirectory();
      const terminal = new Terminal(quick, { cwd });
      await terminal.answer(...dialogue.slice(0, index), [question, key]);
      expect(await terminal.end()).toBe(130);
      expect(terminal.text).toContain('cancelled, nothing was written');
      expect(readdirSync(cwd)).toEqual([]);
    },
  );
});

test('No to the plan leaves nothing', async () => {
  const cwd = temporaryDirectory();
  const terminal = new Terminal([...quick, 'x', '--port', '1', '--config', 'all.json'], { cwd });
  writeTree(cwd, {
    'all.json': '{"endpoint":"/sse","messageEndpoint":"/m","maxMessageSize":"1mb","auth":"none"}',
  });
  await terminal.answer(['More options?', enter], ['Create it?', left, enter]);
  expect(await terminal.end()).toBe(130);
  expect(readdirSync(cwd)).toEqual(['all.json']);
});

const mine = { 'x/README.md': 'mine', 'x/notes.txt': 'mine' };

test('for a directory that is not empty, cancelling is the default', async () => {
  const cwd = temporaryDirectory();
  writeTree(cwd, mine);
  const before = readTree(cwd);
  const terminal = new Terminal([...quick, 'x'], { cwd });
  await terminal.answer(['x is not empty (README.md, notes.txt)', enter]);
  expect(await terminal.end()).toBe(130);
  expect(readTree(cwd)).toEqual(before);
});

test('for a directory that is not empty, the plan lists the files that are kept', async () => {
  const cwd = temporaryDirectory();
  writeTree(cwd, mine);
  const terminal = new Terminal([...quick, 'x', '--auth', 'none'], { cwd });
  await terminal.answer(
    ['is not empty', down, enter],
    ['Which port', enter],
    ['open the event stream', enter],
    ['POST their messages', enter],
    ['How large', enter],
    ['More options?', enter],
    ['keep  README.md'],
    ['Create it?', enter],
  );
  expect(await terminal.end()).toBe(0);
  expect(readFileSync(join(cwd, 'x/README.md'), 'utf8')).toBe('mine');
  expect(readdirSync(join(cwd, 'x'))).toContain('package.json');
});

/** A question as it is found in a narrow terminal, where it wraps. */
const firstWords = (question: string) => question.split(' ').slice(0, 2).join(' ');

test.each([20, 40, 80])(
  'in %d columns the dialogue has a title, and each of its lines a bar',
  async (columns) => {
    const cwd = temporaryDirectory();
    const terminal = new Terminal(quick, { cwd, columns });
    await terminal.answer(
      ['Where should', '/dev/null/a-path-that-is-wider-than-most-terminals/x', enter],
      ['cannot write', '\x15', 'a'.repeat(columns), enter],
      ['Which port', '0', enter],
      ['Must be', '\x15', enter],
      ...dialogue.slice(2, 7).map(([question, key]) => [firstWords(question), key] as const),
      ['More options?', left, enter],
      ...dialogue.slice(8).map(([question, key]) => [firstWords(question), key] as const),
    );
    expect(await terminal.end()).toBe(0);
    const lines = await terminal.lines();
    expect(lines[0]).toMatch(/^┌ {2}create-mcp-sse/);
    const end = lines.findIndex((line) => line.includes('Created'));
    expect(lines.slice(1, end).filter((line) => !/^[│◇├]/.test(line))).toEqual([]);
  },
);

test.each([
  [
    20,
    [
      '│  ● apikey: a key',
      '│    in the',
      '│    X-API-Key',
      '│    header',
      '│  ○ jwt: a signed',
      '│    bearer token',
    ],
  ],
  [40, ['│  ● apikey: a key in the X-API-Key', '│    header', '│  ○ jwt: a signed bearer token']],
  [80, ['│  ● apikey: a key in the X-API-Key header', '│  ○ jwt: a signed bearer token']],
])('in %d columns choices wrap at the width of the terminal', async (columns, wrapped) => {
  const terminal = new Terminal(quick, { cwd: temporaryDirectory(), columns });
  await terminal.answer(
    ...dialogue.slice(0, 5).map(([question, key]) => [firstWords(question), key] as const),
  );
  await vi.waitFor(async () => {
    const lines = (await terminal.lines()).map((line) => line.trimEnd());
    const first = lines.findIndex((line) => line.includes('●'));
    expect(lines.slice(first, first + wrapped.length)).toEqual(wrapped);
  });
  terminal.type(ctrlC);
  expect(await terminal.end()).toBe(130);
});

test('the question with several answers wants at least one', async () => {
  const terminal = new Terminal(quick, { cwd: temporaryDirectory() });
  await terminal.answer(
    ...dialogue.slice(0, 6),
    ['Which endpoints', space, down, space, enter],
    ['Choose at least one', space, enter],
    ['More options?', enter],
    ['protected endpoints      messages'],
    ['Create it?', ctrlC],
  );
  expect(await terminal.end()).toBe(130);
});

test('a path that cannot be is told at its question, which is asked again', async () => {
  const cwd = temporaryDirectory();
  writeTree(cwd, { file: '' });
  const terminal = new Terminal(quick, { cwd });
  await terminal.answer(
    ['Where should', 'file/x', enter],
    ['a file is in the place', '\x15', 'x', enter],
    ['Which port'],
  );
  terminal.type(ctrlC);
  expect(await terminal.end()).toBe(130);
});

test('a missing package manager is told at its question, which is asked again', async () => {
  const bin = temporaryDirectory();
  writeTree(bin, { npm: '#!/bin/sh\n', pnpm: '#!/bin/sh\nexit 1\n' });
  for (const name of ['npm', 'pnpm']) chmodSync(join(bin, name), 0o755);
  const env = { PATH: `${bin}:${join(process.execPath, '..')}:/bin:/usr/bin` };
  const terminal = new Terminal(['x', '--no-git'], { cwd: temporaryDirectory(), env });
  await terminal.answer(
    ...dialogue.slice(1, 11),
    ['Which package manager', down, enter],
    ['pnpm does not work here', enter],
    ['Which package manager', enter],
    ['package manager          npm'],
    ['Create it?', ctrlC],
  );
  expect(await terminal.end()).toBe(130);
});

test('a package manager that a flag names and that is missing is told before the first question', async () => {
  const env = { PATH: `${join(process.execPath, '..')}:/bin:/usr/bin` };
  const args = ['--no-git', '--package-manager', 'bun'];
  const terminal = new Terminal(args, { cwd: temporaryDirectory(), env });
  expect(await terminal.end()).toBe(2);
  expect(terminal.text).toContain('--package-manager bun is not installed');
  expect(terminal.text).not.toContain('Where should');
});

test('a port in use is told at its question, once', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const terminal = new Terminal(quick, { cwd: temporaryDirectory() });
  await terminal.answer(
    ['Where should', enter],
    ['Which port', String(port), enter],
    ['is in use on this machine'],
    ...dialogue.slice(2, 7),
    ['More options?', enter],
    ['Create it?', enter],
  );
  expect(await terminal.end()).toBe(0);
  server.close();
  const lines = await terminal.lines();
  expect(lines.filter((line) => line.includes('is in use'))).toHaveLength(1);
});

test('the summary lets one answer be changed, and what follows from it', async () => {
  const cwd = temporaryDirectory();
  const terminal = new Terminal(quick, { cwd });
  await terminal.answer(
    ...dialogue.slice(0, 7),
    ['More options?', enter],
    ['Create it?', down, enter],
    ['Which answer?', down, down, down, down, down, enter],
    ['prove who they are', down, down, down, enter],
    ['auth type                none'],
    ['Create it?', down, enter],
    ['Which answer?', enter],
    ['Where should', 'other', enter],
    ['Create it?', enter],
  );
  expect(await terminal.end()).toBe(0);
  expect(readdirSync(cwd)).toEqual(['other']);
  expect(record(cwd, 'other')).toMatchObject({ name: 'other', auth: 'none', port: 8080 });
  expect(record(cwd, 'other')).not.toHaveProperty('protect');
});

test.each([20, 40, 80])('in %d columns the running step is one line, redrawn', async (columns) => {
  const bin = temporaryDirectory();
  const noise =
    'for i in 1 2 3 4 5 6 7 8 9; do echo "$i 日本語日本語日本語日本語日本語日本語日本語 a line that is wider than most"; sleep 0.1; done';
  writeTree(bin, { npm: `#!/bin/sh\n[ "$1" = --version ] && exit\n${noise}\nexit 1\n` });
  chmodSync(join(bin, 'npm'), 0o755);
  const env = { PATH: `${bin}:${process.env.PATH}` };
  const directory = `${'long-'.repeat(30)}name`;
  const terminal = new Terminal([directory, '--yes', '--no-git'], {
    cwd: temporaryDirectory(),
    columns,
    env,
  });
  expect(await terminal.end()).toBe(4);
  const lines = await terminal.lines();
  expect(lines.filter((line) => /[◒◐◓◑]/.test(line))).toEqual([]);
  expect(lines.filter((line) => line.includes('Installing') || line.includes('Creating'))).toEqual([]);
});

test('a terminal with NO_COLOR gets no colours', async () => {
  const terminal = new Terminal(quick, { cwd: temporaryDirectory(), env: { NO_COLOR: '1' } });
  await terminal.answer(...dialogue);
  expect(await terminal.end()).toBe(0);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the colours themselves
  expect(terminal.raw.match(/\x1b\[3[0-7]m/g)).toBeNull();
});

test('a terminal with colours gets them', async () => {
  const terminal = new Terminal([...quick, '--yes'], { cwd: temporaryDirectory() });
  expect(await terminal.end()).toBe(0);
  expect(terminal.raw).toContain('\x1b[32m');
});

test.each([
  ['CI', { CI: 'true' }],
  ['an agent', { CLAUDECODE: '1' }],
  ['a dumb terminal', { TERM: 'dumb' }],
])('nothing is asked with %s', async (_name, env) => {
  const cwd = temporaryDirectory();
  const terminal = new Terminal(quick, { cwd, env });
  expect(await terminal.end()).toBe(0);
  expect(terminal.text).toContain('Nothing was asked');
  expect(readdirSync(cwd)).toEqual(['my-mcp-server']);
});
