import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { combinations, directoryOf, renderProject } from '../support/projects.js';
import { startServer } from '../support/server.js';

// AGENTS.md: what it names is there, and its commands work.

/** The blocks of shell commands of a page. */
const commands = (page: string) => [...page.matchAll(/```sh\n(.*?)```/gs)].map(([, text = '']) => text);

describe.each(combinations)('auth $auth, Streamable HTTP $streamableHttp, relay $relay', (given) => {
  test('every file and script that AGENTS.md and the README name exists', async () => {
    const files = await renderProject(given);
    const { scripts } = JSON.parse(String(files.get('package.json')?.content));
    const later = ['dist', 'dist-test', '.env'];
    for (const name of ['AGENTS.md', 'README.md']) {
      const page = String(files.get(name)?.content);
      const paths = [...page.matchAll(/`((?:src|test|scripts)\/[\w./-]*)`/g)].map(([, path = '']) => path);
      expect(paths.length).toBeGreaterThan(8);
      const missing = paths.filter(
        (path) =>
          ![...files.keys()].some((file) => file === path || (path.endsWith('/') && file.startsWith(path))),
      );
      expect(
        missing.filter((path) => !later.includes(path)),
        name,
      ).toEqual([]);
      const used = [...page.matchAll(/\bnpm (?:run )?(test|start|build|dev|typecheck|token|key)\b/g)].map(
        ([, script]) => script,
      );
      expect(
        used.filter((script) => scripts[script as string] === undefined),
        name,
      ).toEqual([]);
    }
  });
});

test.each(['apikey', 'jwt', 'none'] as const)(
  'the commands of AGENTS.md work with %s',
  async (auth) => {
    const cwd = directoryOf(auth);
    const page = await readFile(join(cwd, 'AGENTS.md'), 'utf8');
    const [, testCommand = '', call = ''] = commands(page);
    const env = { PATH: process.env.PATH };

    const { stdout } = await execa(testCommand, { cwd, env, extendEnv: false, shell: true });
    expect(stdout).toContain('✔ echo returns the text it is given');
    expect(stdout).toContain('ℹ fail 0');

    const server = await startServer(auth);
    const here = call.replace('http://127.0.0.1:8080', server.origin);
    expect(here).not.toBe(call);
    const answer = await execa(here, { cwd, env, extendEnv: false, shell: true });
    expect(answer.stdout).toContain('"text":"hello"');
    await server.stop();
  },
  60_000,
);
