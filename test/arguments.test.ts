import { describe, expect, test } from 'vitest';
import { readArguments } from '../src/arguments.js';
import { allQuestions, flagName } from '../src/questions.js';

const read = (argv: string[], env: NodeJS.ProcessEnv = {}) => {
  const args = readArguments(argv, env);
  if (args.print !== undefined) throw new Error('nothing was to be printed');
  return args;
};

const help = readArguments(['--help'], {}).print ?? '';

test('every answer can be given by a flag', () => {
  const argv = [
    ...['my-server', '--name', 'x', '--port', '1', '--endpoint', '/a', '--message-endpoint', '/b'],
    ...[
      '--max-message-size',
      '1kb',
      '--auth',
      'jwt',
      '--protect',
      'sse',
      '--no-streamable-http',
      '--relay',
      'none',
    ],
    ...[
      '--host',
      '::1',
      '--package-manager',
      'bun',
      '--no-install',
      '--no-verify',
      '--no-git',
      '--existing',
      'merge',
    ],
  ];
  const { given } = read(argv);
  expect(given).toEqual({
    directory: 'my-server',
    name: 'x',
    port: 1,
    endpoint: '/a',
    messageEndpoint: '/b',
    maxMessageSize: '1kb',
    auth: 'jwt',
    protect: ['sse'],
    streamableHttp: false,
    relay: 'none',
    host: '::1',
    packageManager: 'bun',
    install: false,
    verify: false,
    git: false,
    existing: 'merge',
  });
  expect(Object.keys(given).sort()).toEqual(allQuestions.map(({ key }) => key).sort());
});

test('what was not typed is not given', () => {
  expect(read([])).toEqual({ given: {}, settings: { yes: false, dryRun: false, json: false } });
  expect(read(['-y', '--dry-run', '--json', '--config', 'a.json']).settings).toEqual({
    yes: true,
    dryRun: true,
    json: true,
    config: 'a.json',
  });
});

test('the last of several flags counts', () => {
  expect(read(['--port', '1', '--port=2', '--no-git', '--git']).given).toEqual({ port: 2, git: true });
});

describe('a -- that a package manager hands on', () => {
  test.each([
    [['x', '--', '--port', '9000']],
    [['--', 'x', '--port', '9000']],
    [['--', 'x', '--', '--port=9000']],
    [['x', '--port', '9000', '--']],
  ])('%j is passed over', (argv) => {
    expect(read(argv).given).toEqual({ directory: 'x', port: 9000 });
  });

  test('is meant when a directory begins with a dash', () => {
    expect(read(['--port', '9000', '--', '-x']).given).toEqual({ directory: '-x', port: 9000 });
  });
});

describe('a mistake is told in one line:', () => {
  test.each([
    [['--prot', '1'], '--prot: there is no such option, did you mean --port? (--help lists them)'],
    [['-x'], '-x: there is no such option (--help lists them)'],
    [['--yes=1'], '--yes=1: this option takes no value'],
    [['--no-git=1'], '--no-git=1: this option takes no value'],
    [['--port'], '--port: a value is missing; a whole number from 1 to 65535 is accepted'],
    [['--config'], '--config: a value is missing; a file is accepted'],
    [['--port', '--yes'], '--port --yes: a whole number from 1 to 65535 is accepted'],
    [['--port='], '--port "": a whole number from 1 to 65535 is accepted'],
    [['a', 'b'], 'one directory is accepted, and more words were given'],
    [[''], 'directory "": a path is accepted'],
  ])('%j', (argv, message) => {
    expect(() => read(argv)).toThrow(
      expect.objectContaining({
        code: 'bad_input',
        exitStatus: 2,
        message: expect.stringContaining(message),
      }),
    );
  });
});

describe('an option that npm kept for itself', () => {
  const npm = { npm_config_user_agent: 'npm/11.0.0 node/v24.0.0 linux x64' };

  test.each([
    [{ npm_config_port: 'true' }, '--port'],
    [{ npm_config_message_endpoint: '/x' }, '--message-endpoint'],
    [{ npm_config_streamable_http: '' }, '--streamable-http'],
    [{ npm_config_git: 'false' }, '--git'],
    [{ npm_config_dry_run: 'true' }, '--dry-run'],
  ])('%j is refused, not passed over', (env, flag) => {
    expect(() => read(['x'], { ...npm, ...env })).toThrow(`${flag}: npm kept it for itself; put -- before`);
  });

  test('is none when it is npm’s own setting or another package manager runs', () => {
    expect(
      read(['x'], { ...npm, npm_config_git: '/usr/bin/git', npm_config_dry_run: '' }).given,
    ).toBeDefined();
    expect(read(['x'], { npm_config_user_agent: 'pnpm/10.0.0', npm_config_port: '1' }).given).toBeDefined();
  });
});

describe('the help text', () => {
  test.each(allQuestions.map((question) => [question.flag, question]))(
    'has %s with its default',
    (flag, question) => {
      const words = help.replace(/\s+/g, ' ');
      const shown = question.defaultInWords ?? String(question.default).replace('true', 'on');
      expect(words).toContain(flag.startsWith('[') ? flagName(question) : flag);
      expect(words).toContain(`default: ${shown})`);
    },
  );

  test('fits into 100 columns', () => {
    expect(help.split('\n').filter((line) => line.length > 100)).toEqual([]);
  });
});

test('--version prints the version alone', () => {
  expect(readArguments(['--version'], {}).print).toMatch(/^\d+\.\d+\.\d+\n$/);
});
