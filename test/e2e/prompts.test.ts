import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readTree, writeTree } from '../fixtures/files.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';
import { keys, Terminal } from './terminal.ts';

const { enter, ctrlC, down, left } = keys;
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
  expect(terminal.text).toContain('npx create-mcp-sse my-mcp-server --no-install --no-git --yes');
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
    "npx create-mcp-sse 'a server' --port 9000 --endpoint /events --message-endpoint /post " +
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

test.each([50, 80])('no line is wider than a terminal of %d columns', async (columns) => {
  const cwd = temporaryDirectory();
  const terminal = new Terminal(quick, { cwd, columns });
  await terminal.answer(...dialogue.slice(0, 7), ['More options?', enter], ['Create it?']);
  // The pty has no screen; what the prompts drew must fit before it wraps.
  const lines = terminal.text.split(/\r?\n/);
  expect(lines.filter((line) => line.length > columns)).toEqual([]);
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
