import { expect, test } from 'vitest';
import { completeAnswers } from '../../src/answers/answers.ts';
import type { Answers } from '../../src/answers/questions.ts';
import { nextSteps, resumeCommands } from '../../src/project/next-steps.ts';

const context = { cwd: '/', packageManager: 'npm' } as const;

function steps(given: Partial<Answers> = {}, finished: Partial<Parameters<typeof nextSteps>[0]> = {}) {
  const answers = completeAnswers({ directory: 'my-server', ...given }, context);
  return nextSteps({
    answers,
    directory: '/projects/my-server',
    cwd: '/projects',
    shell: 'posix',
    installed: true,
    built: true,
    env: 'PORT=1\nAPI_KEY=the-key\n',
    kept: { notes: [] },
    ...finished,
  });
}

test.each([
  ['npm', ['cd my-server', 'npm start']],
  ['pnpm', ['cd my-server', 'pnpm start']],
  ['yarn', ['cd my-server', 'yarn start']],
  ['bun', ['cd my-server', 'bun run start']],
] as const)('the commands are those of %s', (packageManager, commands) => {
  expect(steps({ packageManager }).commands).toEqual(commands);
});

test.each([
  ['npm', 'npm test'],
  ['bun', 'bun run test'],
] as const)('the page to open, where to edit and how to test with %s', (packageManager, command) => {
  expect(steps({ packageManager, port: 9000 })).toMatchObject({
    page: 'http://127.0.0.1:9000/',
    own: { tools: 'src/tools/', register: 'src/mcp-server.ts', shared: 'src/app.ts', test: command },
  });
});

test('the commands include the steps that were skipped', () => {
  expect(steps({}, { installed: false, built: false }).commands).toEqual([
    'cd my-server',
    'npm install',
    'npm run build',
    'npm start',
  ]);
});

test.each([
  ['/projects', []],
  ['/projects/my server', ["cd 'my server'"]],
  ['/projects/-x', ['cd ./-x']],
  ['/other/place', ['cd /other/place']],
])('the commands change to the directory %s', (directory, enter) => {
  expect(steps({}, { directory }).commands).toEqual([...enter, 'npm start']);
});

test('after a failure the commands go on where it stopped', () => {
  const answers = completeAnswers({ directory: 'x' }, context);
  expect(resumeCommands(answers, '/projects/x', '/projects', 'posix', { install: true, git: true })).toEqual([
    'cd x',
    'npm install',
    'npm run build',
    'npm test',
    'git init --initial-branch=main',
    'git add --all',
    "git commit --message 'Create the server with create-mcp-sse'",
  ]);
  const built = { install: false, git: false };
  expect(resumeCommands(answers, '/projects/x', '/projects/x', 'posix', built)).toEqual([
    'npm run build',
    'npm test',
  ]);
});

test('the URLs are those of the answers', () => {
  const given = { host: 'mcp.example.com', port: 9000, endpoint: '/a', messageEndpoint: '/b' };
  expect(steps(given).urls).toEqual({
    sse: 'http://mcp.example.com:9000/a',
    messages: 'http://mcp.example.com:9000/b',
    streamableHttp: 'http://mcp.example.com:9000/mcp',
    health: 'http://mcp.example.com:9000/health',
  });
});

test.each([
  ['0.0.0.0', 'http://127.0.0.1:8080/sse'],
  ['::', 'http://[::1]:8080/sse'],
  ['::1', 'http://[::1]:8080/sse'],
])('the URL of a server that listens on %s can be opened on this machine: %s', (host, url) => {
  expect(steps({ host }).urls.sse).toBe(url);
});

test('the URLs include Streamable HTTP only if it is served', () => {
  expect(steps({ streamableHttp: false }).urls).not.toHaveProperty('streamableHttp');
});

test.each([
  ['API_KEY=abc', 'abc'],
  ['API_KEY=alice:abc:read write,bob:def', 'abc'],
  ['# API_KEY=no\nAPI_KEY="alice:abc,bob:def"\r\n', 'abc'],
])('the credential is the first key in .env: %j', (env, key) => {
  const { header, claudeCode, clientConfig, credential } = steps({}, { env });
  expect(header).toEqual({ name: 'X-API-Key', value: key });
  expect(claudeCode).toBe(
    `claude mcp add --transport sse my-server http://127.0.0.1:8080/sse --header "X-API-Key: ${key}"`,
  );
  expect(clientConfig.mcpServers['my-server']).toEqual({
    type: 'sse',
    url: 'http://127.0.0.1:8080/sse',
    headers: { 'X-API-Key': key },
  });
  expect(credential).toBeUndefined();
});

test.each(['', 'API_KEY=\n', 'API_KEY=', undefined])(
  'the credential is a placeholder if .env has no key: %j',
  (env) => {
    expect(steps({}, { env })).toMatchObject({
      header: { value: '<key>' },
      credential: 'Replace <key> with API_KEY from the .env file',
    });
  },
);

test('the credential is a token that a script makes', () => {
  expect(steps({ auth: 'jwt' })).toMatchObject({
    header: { name: 'Authorization', value: 'Bearer <token>' },
    credential: 'Replace <token> with the output of: npm run token -- --sub me --expires-in 1h',
  });
  expect(steps({ auth: 'jwt', packageManager: 'pnpm' }).credential).toContain('pnpm token --sub me');
});

test('without authentication there is no credential', () => {
  const { header, claudeCode, clientConfig } = steps({ auth: 'none' });
  expect(header).toBeUndefined();
  expect(claudeCode).not.toContain('--header');
  expect(clientConfig.mcpServers['my-server']).not.toHaveProperty('headers');
});

test('clients know the server by its name without the scope', () => {
  expect(Object.keys(steps({ name: '@me/tools' }).clientConfig.mcpServers)).toEqual(['tools']);
});
