import { expect, test } from 'vitest';
import { allQuestions, flagName } from '../../src/answers/questions.ts';
import { readArguments } from '../../src/cli/arguments.ts';

const read = (argv: string[], env: NodeJS.ProcessEnv = {}) => {
  const args = readArguments(argv, env);
  if (args.print !== undefined) throw new Error('it only prints a text');
  return args;
};

const help = readArguments(['--help'], {}).print ?? '';

test('every question can be answered by a flag', () => {
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

test('only the flags that were typed are given', () => {
  expect(read([])).toEqual({ given: {}, settings: { yes: false, dryRun: false, json: false }, typed: [] });
  expect(read(['-y', '--dry-run', '--json', '--config', 'a.json']).settings).toEqual({
    yes: true,
    dryRun: true,
    json: true,
    config: 'a.json',
  });
});

test('if a flag is given several times, the last one wins', () => {
  expect(read(['--port', '1', '--port=2', '--no-git', '--git']).given).toEqual({ port: 2, git: true });
});

test.each([
  [['x', '--', '--port', '9000']],
  [['--', 'x', '--port', '9000']],
  [['--', 'x', '--', '--port=9000']],
  [['x', '--port', '9000', '--']],
])('a -- that a package manager passes on is ignored: %j', (argv) => {
  expect(read(argv).given).toEqual({ directory: 'x', port: 9000 });
});

test('after -- a directory may begin with a dash', () => {
  expect(read(['--port', '9000', '--', '-x']).given).toEqual({ directory: '-x', port: 9000 });
});

test.each([
  [['--prot', '1'], '--prot is not an option; did you mean --port?'],
  [['-x'], '-x is not an option; --help lists the options'],
  [['--yes=1'], '--yes=1 takes no value'],
  [['--no-git=1'], '--no-git=1 takes no value'],
  [['--port'], '--port must be followed by a whole number from 1 to 65535'],
  [['--config'], '--config must be followed by a file'],
  [['--port', '--yes'], '--port --yes must be a whole number from 1 to 65535'],
  [['--port='], '--port "" must be a whole number from 1 to 65535'],
  [['a', 'b'], 'only one directory can be given'],
  [[''], 'directory "" must be a path'],
])('wrong arguments are explained in one line: %j', (argv, message) => {
  expect(() => read(argv)).toThrow(
    expect.objectContaining({
      code: 'bad_input',
      exitStatus: 2,
      message: expect.stringContaining(message),
    }),
  );
});

test.each(allQuestions.map((question) => [question.flag, question]))(
  'the help shows %s with its default',
  (flag, question) => {
    const words = help.replace(/\s+/g, ' ');
    const shown =
      question.defaultInWords ?? String(question.default).replace('true', 'on').replace('false', 'off');
    expect(words).toContain(flag.startsWith('[') ? flagName(question) : flag);
    expect(words).toContain(`default: ${shown})`);
  },
);

test('the help fits into 100 columns', () => {
  expect(help.split('\n').filter((line) => line.length > 100)).toEqual([]);
});

test('--version prints the version alone', () => {
  expect(readArguments(['--version'], {}).print).toMatch(/^\d+\.\d+\.\d+\n$/);
});
