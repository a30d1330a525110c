import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readTree, writeTree } from '../fixtures/files.js';
import { temporaryDirectory } from '../fixtures/temporary.js';
import { keys, Terminal } from './terminal.js';

const { enter, ctrlC, down, left } = keys;
const quick = ['--no-install', '--no-git'];

/** The questions in their order, each with what takes the default. */
const dialogue = [
  ['Where should the server be made?', enter],
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
  ['Make it?', enter],
] as const;

const record = (cwd: string, directory: string) =>
  JSON.parse(readFileSync(join(cwd, directory, 'create-mcp-sse.json'), 'utf8'));

test('Enter at every question makes a server with the defaults', async () => {
  const cwd = temporaryDirectory();
  const terminal = new Terminal(quick, { cwd });
  await terminal.answer(...dialogue);
  expect(await terminal.end()).toBe(0);
  expect(record(cwd, 'my-mcp-server')).toMatchObject({ port: 8080, auth: 'apikey', relay: 'none' });
  expect(terminal.text).not.toContain('Warning');
  expect(terminal.text).toContain('Make the same again:');
  expect(terminal.text).toContain('npx create-mcp-sse my-mcp-server --no-install --no-git --yes');
});

test('what is typed is what is made, and mistakes are told at once', async () => {
  const cwd = temporaryDirectory();
  const terminal = new Terminal(quick, { cwd });
  await terminal.answer(
    ['Where', 'a server', enter],
    ['Which port', '70000', enter],
    ['a whole number from 1 to 65535 is accepted', '\x15', '9000', enter],
    ['open the event stream', '/events', enter],
    ['POST their messages', '/events', enter],
    ["a path other than the SSE endpoint's", '\x15', '/post', enter],
    ['How large', '2MB', enter],
    ['prove who they are', down, enter],
    ['Which endpoints', keys.space, enter],
    ['More options?', enter],
    ['Make it?', enter],
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

test('what a flag has answered is not asked', async () => {
  const cwd = temporaryDirectory();
  const terminal = new Terminal([...quick, 'x', '--auth', 'none', '--port', '9000'], { cwd });
  await terminal.answer(
    ['open the event stream', enter],
    ['POST their messages', enter],
    ['How large', enter],
    ['More options?', enter],
    ['Make it?', enter],
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
    'at "%s" ends with 130 and leaves nothing',
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

test('No to the summary leaves nothing', async () => {
  const cwd = temporaryDirectory();
  const terminal = new Terminal([...quick, 'x', '--port', '1', '--config', 'all.json'], { cwd });
  writeTree(cwd, {
    'all.json': '{"endpoint":"/sse","messageEndpoint":"/m","maxMessageSize":"1mb","auth":"none"}',
  });
  await terminal.answer(['More options?', enter], ['Make it?', left, enter]);
  expect(await terminal.end()).toBe(130);
  expect(readdirSync(cwd)).toEqual(['all.json']);
});

describe('a directory that is not empty is asked about', () => {
  const mine = { 'x/README.md': 'mine', 'x/notes.txt': 'mine' };

  test('and cancelling is the default', async () => {
    const cwd = temporaryDirectory();
    writeTree(cwd, mine);
    const before = readTree(cwd);
    const terminal = new Terminal([...quick, 'x'], { cwd });
    await terminal.answer(['x is not empty (README.md, notes.txt)', enter]);
    expect(await terminal.end()).toBe(130);
    expect(readTree(cwd)).toEqual(before);
  });

  test('and the summary lists what is kept', async () => {
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
      ['Make it?', enter],
    );
    expect(await terminal.end()).toBe(0);
    expect(readFileSync(join(cwd, 'x/README.md'), 'utf8')).toBe('mine');
    expect(readdirSync(join(cwd, 'x'))).toContain('package.json');
  });
});

describe('terminals', () => {
  test.each([50, 80])('of %d columns show no line that is wider', async (columns) => {
    const cwd = temporaryDirectory();
    const terminal = new Terminal(quick, { cwd, columns });
    await terminal.answer(...dialogue.slice(0, 7), ['More options?', enter], ['Make it?']);
    // The pty has no screen; what the prompts drew must fit before it wraps.
    const lines = terminal.text.split(/\r?\n/);
    expect(lines.filter((line) => line.length > columns)).toEqual([]);
  });

  test('that want no colour get none', async () => {
    const terminal = new Terminal(quick, { cwd: temporaryDirectory(), env: { NO_COLOR: '1' } });
    await terminal.answer(...dialogue);
    expect(await terminal.end()).toBe(0);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the colours themselves
    expect(terminal.raw.match(/\x1b\[3[0-7]m/g)).toBeNull();
  });

  test('that have colours get them', async () => {
    const terminal = new Terminal([...quick, '--yes'], { cwd: temporaryDirectory() });
    expect(await terminal.end()).toBe(0);
    expect(terminal.raw).toContain('\x1b[32m');
  });

  test.each([
    ['CI', { CI: 'true' }],
    ['an agent', { CLAUDECODE: '1' }],
    ['those that cannot draw', { TERM: 'dumb' }],
  ])('of %s are not asked anything', async (_name, env) => {
    const cwd = temporaryDirectory();
    const terminal = new Terminal(quick, { cwd, env });
    expect(await terminal.end()).toBe(0);
    expect(terminal.text).toContain('Nothing was asked');
    expect(readdirSync(cwd)).toEqual(['my-mcp-server']);
  });
});
