import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { completeAnswers, render, templatesFolder } from '../../src/index.ts';
import { packageManagers } from '../../src/project/index.ts';
import { secret } from '../templates/support/projects.js';
import { buildImage, type Image } from './support/dockerfile.js';

// The Dockerfile of the generated project, executed step by step in a plain directory; then what it made is run as a
// container would: by a user without rights, in a place where nothing can be written.

describe.each(['npm', 'pnpm', 'yarn', 'bun'] as const)('with %s', (packageManager) => {
  const root = mkdtempSync(join(tmpdir(), `create-mcp-sse-${packageManager}-`));
  const context = join(root, 'context');
  let image: Image;
  let environment: NodeJS.ProcessEnv;

  beforeAll(async () => {
    const answers = completeAnswers(
      { directory: context, name: 'test-server', auth: 'apikey', packageManager },
      { cwd: root, packageManager },
    );
    for (const [path, { content }] of await render(answers, { secret, templates: templatesFolder })) {
      mkdirSync(dirname(join(context, path)), { recursive: true });
      writeFileSync(join(context, path), content);
    }
    await install(context);
    image = await buildImage(context, root);
    chmodSync(root, 0o755); // mkdtemp makes it for its owner only.
    environment = { PATH: process.env.PATH, ...image.environment, API_KEY: secret, PORT: '0' };
  }, 300_000);
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  /** The project is installed once by its user: that makes the lock file. */
  async function install(cwd: string): Promise<void> {
    const { setup } = packageManagers[packageManager].clean;
    const prefix = join(root, 'npm-global');
    const env = { npm_config_prefix: prefix, PATH: `${join(prefix, 'bin')}:${process.env.PATH}` };
    if (setup !== '') await execa(setup, { shell: true, cwd, env });
    await execa(packageManager, ['install'], { cwd, env });
  }

  /** Runs a command of the image without rights. */
  function run([program, ...args]: string[], env = environment): ChildProcess {
    expect(image.user).toBe('node');
    return spawn(program as string, args, { cwd: image.directory, env, uid: 1000, gid: 1000 });
  }

  test('the image holds what runs, without secrets, sources or compiler', () => {
    expect(readdirSync(image.directory).sort()).toEqual([
      'dist',
      'node_modules',
      'package.json',
      'page',
      'scripts',
    ]);
    expect(existsSync(join(image.directory, 'node_modules/typescript'))).toBe(false);
    expect(spawnSync('grep', ['-rl', secret, image.directory]).stdout.toString()).toBe('');
  });

  test('the container listens on every address, is healthy, and exits on SIGTERM', async () => {
    const server = run(image.command);
    const url = await listening(server);
    expect(url.hostname).toBe('0.0.0.0');
    const check = run(image.healthcheck, { ...environment, PORT: url.port });
    expect(await once(check, 'exit')).toEqual([0, null]);

    server.kill('SIGTERM');
    expect(await once(server, 'exit')).toEqual([0, null]);
    const checkAfter = run(image.healthcheck, { ...environment, PORT: url.port });
    expect(await once(checkAfter, 'exit')).toEqual([1, null]);
  });
});

async function listening({ stdout }: ChildProcess): Promise<URL> {
  for await (const line of createInterface({ input: stdout as NodeJS.ReadableStream })) {
    const { msg, url } = JSON.parse(line);
    if (msg === 'listening') return new URL(url);
  }
  throw new Error('the server ended before it listened');
}
