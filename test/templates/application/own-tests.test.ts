import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { beforeAll, expect, test } from 'vitest';
import { makeOwnProject } from '../auth/own-project.js';
import { type Auth, directoryOf } from '../support/projects.js';

// What `npm test` runs in a project whose owner writes tests.

let project: Auth;
const file = (path: string) => join(directoryOf(project), path);

beforeAll(async () => {
  project = await makeOwnProject('own-tests', 'none', {
    'src/tools/echo.ts': `
      import type { CallToolResult, McpServer } from '@modelcontextprotocol/server';
      import { z } from 'zod';
      console.log('a line that is no JSON');
      console.log('null');
      export function registerEcho(server: McpServer): void {
        server.registerTool('echo', { inputSchema: z.object({ text: z.string() }) }, ({ text }): CallToolResult => {
          console.log('{ neither is this');
          return { content: [{ type: 'text', text }] };
        });
      }`,
  });
  await mkdir(file('test/notes'));
}, 30_000);

async function npmTest(...args: string[]) {
  const { exitCode, all } = await execa(process.execPath, ['scripts/test.js', ...args], {
    cwd: directoryOf(project),
    env: { PATH: process.env.PATH },
    extendEnv: false,
    reject: false,
    all: true,
  });
  return { exitCode, output: all };
}

const failing = `
  import assert from 'node:assert/strict';
  import { test } from 'node:test';
  test('a note can be found', () => assert.equal(1, 2));`;

test('a test in any folder runs, and fails the whole if it fails', async () => {
  await writeFile(file('test/notes/find.test.ts'), failing);
  const { exitCode, output } = await npmTest();
  expect(exitCode).toBe(1);
  expect(output).toContain('✖ a note can be found');
  expect(output).toMatch(/test[\\/]notes[\\/]find\.test\.ts:4/);
  expect(output).toContain('✔ a tool call is answered');
}, 60_000);

test('a test that was deleted does not run, and what a tool prints disturbs none', async () => {
  await writeFile(file('test/notes/find.test.ts'), failing);
  await npmTest('test/notes/find.test.ts');
  await rm(file('test/notes/find.test.ts'));
  const { exitCode, output } = await npmTest();
  expect(output).toContain('ℹ fail 0');
  expect(output).not.toContain('a note can be found');
  expect(exitCode).toBe(0);
}, 60_000);

test('only the tests that are named run', async () => {
  const { exitCode, output } = await npmTest('--', 'test/echo.test.ts');
  expect(output).toContain('✔ echo returns the text it is given');
  expect(output).not.toContain('countdown');
  expect(exitCode).toBe(0);
}, 60_000);

test('npm test says that a project has no tests', async () => {
  const name = (await makeOwnProject('no-tests', 'none', {})) as Auth;
  await rm(join(directoryOf(name), 'test'), { recursive: true });
  await mkdir(join(directoryOf(name), 'test'));
  project = name;
  const { exitCode, output } = await npmTest();
  expect(output).toContain('There are no tests');
  expect(exitCode).toBe(1);
});
