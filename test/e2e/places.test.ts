import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { readTree } from '../fixtures/files.ts';
import { temporaryDirectory } from '../fixtures/temporary.ts';
import { cleanEnvironment, command, runCommand } from './command.ts';

const quick = ['--no-install', '--no-git', '--yes'];

/** Runs a line of a shell in which $0 is the command. */
async function shell(line: string, cwd: string) {
  const env = cleanEnvironment;
  return execa('bash', ['-c', line, command], { cwd, env, extendEnv: false, reject: false, stdin: 'ignore' });
}

describe.skipIf(process.platform === 'win32')('a path in which nothing could work', () => {
  test.each([
    ['a:b', 'must be a path without a colon'],
    ['a/b:c/d', 'must be a path without a colon'],
    ['a\\b', 'must be a path without a backslash'],
    ['a\nb', 'must be a path without line breaks'],
    ['a\x1b[31mb', 'must be a path without line breaks and other control characters'],
    ['a\u2028b', 'must be a path without line breaks'],
    ['node_modules/x', 'must be a path outside node_modules'],
  ])('the directory %j is refused before anything is written', async (directory, message) => {
    const cwd = temporaryDirectory();
    const { exitCode, stderr } = await runCommand([directory, '--name', 'x', ...quick], { cwd });
    expect(stderr).toContain(message);
    expect(stderr.split('\n')).toHaveLength(1);
    expect(stderr).not.toContain('\x1b[31mb');
    expect(exitCode).toBe(2);
    expect(readdirSync(cwd)).toEqual([]);
  });

  test('a directory below such a path is refused too', async () => {
    const cwd = join(temporaryDirectory(), 'a:b');
    mkdirSync(cwd);
    const { exitCode, stderr } = await runCommand(['x', ...quick], { cwd });
    expect(stderr).toContain(`${cwd}/x must be a path without a colon`);
    expect(exitCode).toBe(2);
  });

  test.runIf(process.platform === 'linux')('a directory whose path is not UTF-8 is refused', async () => {
    const cwd = temporaryDirectory();
    const refused = { exitCode: 2, stderr: expect.stringContaining('must be a path in UTF-8') };
    expect(await shell(`"$0" $'a\\xffb' ${quick.join(' ')}`, cwd)).toMatchObject(refused);
    expect(readdirSync(cwd)).toEqual([]);
    expect(await shell(`mkdir $'a\\xffb' && cd $'a\\xffb' && "$0" x ${quick.join(' ')}`, cwd)).toMatchObject(
      refused,
    );
    expect(readdirSync(cwd)).toHaveLength(1);
  });

  test('a current directory that was deleted is said to be so', async () => {
    const cwd = temporaryDirectory();
    const { exitCode, stderr } = await shell(
      `mkdir a && cd a && rmdir ../a && "$0" x ${quick.join(' ')}`,
      cwd,
    );
    expect(stderr).toBe('✗ the current directory no longer exists; change to another one');
    expect(exitCode).toBe(3);
  });
});

test('a name that npm accepts as it is stays, and nothing is said about it', async () => {
  const cwd = temporaryDirectory();
  const { stderr } = await runCommand(['foo-', ...quick], { cwd });
  expect(stderr).toBe('');
  expect(JSON.parse(readFileSync(join(cwd, 'foo-/package.json'), 'utf8')).name).toBe('foo-');
});

test('of two runs at once into one empty directory, one wins and the other ends with status 3', async () => {
  for (let round = 0; round < 5; round++) {
    const parent = temporaryDirectory();
    const cwd = join(parent, 'x');
    mkdirSync(cwd);
    const both = [runCommand(['.', ...quick], { cwd }), runCommand(['.', ...quick], { cwd })];
    const ended = (await Promise.all(both)).sort((a, b) => Number(a.exitCode) - Number(b.exitCode));
    expect(ended.map(({ exitCode }) => exitCode)).toEqual([0, 3]);
    const [, key] = /"X-API-Key": "(.*)"/.exec(ended[0]?.stdout ?? '') ?? [];
    expect(readFileSync(join(cwd, '.env'), 'utf8')).toContain(String(key));
    expect(readdirSync(cwd)).toContain('package.json');
    expect(readdirSync(parent)).toEqual(['x']);
  }
});

test.skipIf(process.platform === 'win32')(
  'with umask 077 the files are private, and those of the image are not',
  async () => {
    const cwd = temporaryDirectory();
    const { exitCode } = await shell(`umask 077; "$0" x ${quick.join(' ')}`, cwd);
    expect(exitCode).toBe(0);
    for (const [path, text] of Object.entries(readTree(join(cwd, 'x'))))
      expect([path, text.slice(1, 3)]).toEqual([path, '00']);

    // The last stage takes files from the first only, and there the server's user may read them.
    const [, first = '', last = ''] = readFileSync(join(cwd, 'x/Dockerfile'), 'utf8').split(/^FROM/m);
    const copied = [...last.matchAll(/^COPY (.*)$/gm)].map(([, words = '']) => words);
    expect(copied).toHaveLength(5);
    const [, chmod = ''] = /^RUN (chmod .*)$/m.exec(first) ?? [];
    mkdirSync(join(cwd, 'x/dist'));
    await shell(chmod, join(cwd, 'x'));
    for (const words of copied) {
      const [, path = ''] = /^--from=build \/app\/(\S+) /.exec(words) ?? [words];
      if (path !== 'node_modules')
        expect([path, statSync(join(cwd, 'x', path)).mode & 0o044]).toEqual([path, 0o044]);
    }
  },
);
