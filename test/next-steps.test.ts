import { describe, expect, test } from 'vitest';
import { completeAnswers } from '../src/answers.js';
import { nextSteps, resumeCommands } from '../src/next-steps.js';
import type { Answers } from '../src/questions.js';

const setting = { cwd: '/', packageManager: 'npm' } as const;

function steps(given: Partial<Answers> = {}, finished: Partial<Parameters<typeof nextSteps>[0]> = {}) {
  const answers = completeAnswers({ directory: 'my-server', ...given }, setting);
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

describe('the commands', () => {
  test.each([
    ['npm', ['cd my-server', 'npm start']],
    ['pnpm', ['cd my-server', 'pnpm start']],
    ['yarn', ['cd my-server', 'yarn start']],
    ['bun', ['cd my-server', 'bun run start']],
  ] as const)('are those of %s', (packageManager, commands) => {
    expect(steps({ packageManager }).commands).toEqual(commands);
  });

  test('do what was left out', () => {
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
  ])('lead into %s', (directory, enter) => {
    expect(steps({}, { directory }).commands).toEqual([...enter, 'npm start']);
  });

  test('after a failure go on where it stopped', () => {
    const answers = completeAnswers({ directory: 'x' }, setting);
    expect(
      resumeCommands(answers, '/projects/x', '/projects', 'posix', { install: true, git: true }),
    ).toEqual([
      'cd x',
      'npm install',
      'npm run build',
      'npm run test',
      'git init --initial-branch=main',
      'git add --all',
      "git commit --message 'Create the server with create-mcp-sse'",
    ]);
    const built = { install: false, git: false };
    expect(resumeCommands(answers, '/projects/x', '/projects/x', 'posix', built)).toEqual([
      'npm run build',
      'npm run test',
    ]);
  });
});

describe('the addresses', () => {
  test('are those of the answers', () => {
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
  ])('can be reached when it listens on %s', (host, url) => {
    expect(steps({ host }).urls.sse).toBe(url);
  });

  test('name Streamable HTTP only where it is served', () => {
    expect(steps({ streamableHttp: false }).urls).not.toHaveProperty('streamableHttp');
  });
});

describe('the credential', () => {
  test.each([
    ['API_KEY=abc', 'abc'],
    ['# API_KEY=no\nAPI_KEY="alice:abc,bob:def"\r\n', 'abc'],
  ])('is the key in .env: %j', (env, key) => {
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
    'has a placeholder when .env has no key: %j',
    (env) => {
      expect(steps({}, { env })).toMatchObject({
        header: { value: '<key>' },
        credential: '<key> stands for API_KEY in the .env file',
      });
    },
  );

  test('is a token that a script makes', () => {
    expect(steps({ auth: 'jwt' })).toMatchObject({
      header: { name: 'Authorization', value: 'Bearer <token>' },
      credential: '<token> is printed by: npm run token -- --sub me --expires-in 1h',
    });
    expect(steps({ auth: 'jwt', packageManager: 'pnpm' }).credential).toContain('pnpm token --sub me');
  });

  test('is none without authentication', () => {
    const { header, claudeCode, clientConfig } = steps({ auth: 'none' });
    expect(header).toBeUndefined();
    expect(claudeCode).not.toContain('--header');
    expect(clientConfig.mcpServers['my-server']).not.toHaveProperty('headers');
  });
});

test('a client knows the server without its scope', () => {
  expect(Object.keys(steps({ name: '@me/tools' }).clientConfig.mcpServers)).toEqual(['tools']);
});
