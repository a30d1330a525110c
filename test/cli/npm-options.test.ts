import { expect, test } from 'vitest';
import { readArguments } from '../../src/cli/arguments.ts';
import { lostAuth, npmHints } from '../../src/cli/npm-options.ts';

// What npm 9, 10 and 11 export is recorded here; test/registry runs them.
const npm = { npm_config_user_agent: 'npm/11.0.0 node/v24.0.0 linux x64', npm_command: 'init' };

const read = (argv: string[], env: NodeJS.ProcessEnv) => {
  const args = readArguments(argv, { ...npm, ...env });
  if (args.print !== undefined) throw new Error('it only prints a text');
  return args;
};

test.each([
  [['x', '9000'], { npm_config_port: 'true' }, { directory: 'x', port: 9000 }],
  [['9000', 'x'], { npm_config_port: 'true' }, { directory: 'x', port: 9000 }],
  [['9000'], { npm_config_port: 'true' }, { port: 9000 }],
  [['x'], { npm_config_port: '9000' }, { directory: 'x', port: 9000 }],
  [['x', '/a'], { npm_config_endpoint: 'true' }, { directory: 'x', endpoint: '/a' }],
  [['x'], { npm_config_message_endpoint: '/a' }, { directory: 'x', messageEndpoint: '/a' }],
  [
    ['x'],
    { npm_config_install: '', npm_config_verify: 'true' },
    { directory: 'x', install: false, verify: true },
  ],
  [
    ['x', '9000', '1mb', 'sse'],
    { npm_config_port: 'true', npm_config_max_message_size: 'true', npm_config_protect: 'true' },
    { directory: 'x', port: 9000, maxMessageSize: '1mb', protect: ['sse'] },
  ],
  [['x', '9000', '--auth', 'jwt'], { npm_config_port: 'true' }, { directory: 'x', port: 9000, auth: 'jwt' }],
  [['x', '--port', '1'], { npm_config_port: '2' }, { directory: 'x', port: 1 }],
])('what npm took of %j is put back: %j', (argv, env, given) => {
  expect(read(argv, env).given).toEqual(given);
});

test('a config file that npm took is read', () => {
  expect(read(['x'], { npm_config_config: 'a.json' }).settings.config).toBe('a.json');
});

test.each([
  [['x'], { npm_config_port: 'true' }, '--port'],
  [['x', 'y'], { npm_config_host: 'true' }, '--host'],
  [['x', 'a.json'], { npm_config_config: 'true' }, '--config'],
  [['x', '/a', '/b'], { npm_config_endpoint: 'true', npm_config_message_endpoint: 'true' }, '--endpoint'],
  [['x', 'y', '9000'], { npm_config_port: 'true' }, '--port'],
])('if npm does not tell which word of %j belongs to what it took (%j), %s is refused', (argv, env, flag) => {
  const message = `${flag} was taken by npm; put -- before the options, or use npx create-mcp-sse@latest my-server`;
  expect(() => read(argv, env)).toThrow(message);
});

test.each([
  [{ npm_config_yes: 'true' }, '--yes'],
  [{ npm_config_json: 'true' }, '--json'],
  [{ npm_config_git: 'false' }, '--no-git'],
  [{ npm_config_name: 'x' }, '--name'],
])("npm's own settings are hinted at, never obeyed: %j", (env, flag) => {
  const { given, settings } = read(['x'], env);
  expect([given, settings]).toEqual([{ directory: 'x' }, { yes: false, dryRun: false, json: false }]);
  expect(npmHints([], { ...npm, ...env })).toEqual([expect.stringContaining(`npm took ${flag} for its own`)]);
  expect(npmHints([flag.replace(/^--(no-)?/, '')], { ...npm, ...env })).toEqual([]);
  expect(npmHints([], { ...npm, ...env, npm_command: 'exec' })).toEqual([]); // npx -y means npm's own
});

test('a dry run that npm took is refused: files would be written', () => {
  expect(() => npmHints([], { ...npm, npm_config_dry_run: 'true' })).toThrow('--dry-run was taken by npm');
  expect(npmHints(['dryRun'], { ...npm, npm_config_dry_run: 'true' })).toEqual([]);
});

test('the option of which npm keeps all trace is hinted at if no option arrived', () => {
  expect(lostAuth([], npm)).toEqual([expect.stringContaining('npm create drops --auth')]);
  expect(lostAuth(['port'], npm)).toEqual([]);
  expect(lostAuth([], { ...npm, npm_command: 'exec' })).toEqual([]);
});

test('settings with other meanings, and those of other package managers, are not taken for options', () => {
  const env = { npm_config_git: '/usr/bin/git', npm_config_dry_run: '', npm_config_yes: '' };
  expect(read(['x'], env).given).toEqual({ directory: 'x' });
  expect(npmHints([], { ...npm, ...env })).toEqual([]);
  const pnpm = { npm_config_user_agent: 'pnpm/10.0.0', npm_config_port: '1' };
  expect(read(['x'], pnpm).given).toEqual({ directory: 'x' });
});
