import { type ChildProcess, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { completeAnswers, render, templatesFolder } from '../../src/index.ts';
import { packageManagers } from '../../src/project/index.ts';
import { freePort } from '../support/programs.ts';
import { secret } from '../templates/support/projects.js';
import { startPodman } from './support/podman.ts';

// The image of a generated project, built from its Dockerfile and run as its compose.yaml says.

const linter = join(import.meta.dirname, 'node_modules/.bin/dockerfile-utils');

/** What compose.yaml says of the server. */
interface Service {
  environment: Record<string, string | number>;
  env_file: string;
  read_only: boolean;
  cap_drop: string[];
  security_opt: string[];
}

// Where a build may mount nothing, as in most containers of CI services, there are no containers to try.
const mount = spawnSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'tmpfs', tmpdir()], {
  encoding: 'utf8',
});
const noMount = mount.status === 0 ? undefined : `this user may not mount: ${mount.stderr}`;
if (noMount) console.warn(`No container is built: ${noMount}`);

let podman: Awaited<ReturnType<typeof startPodman>>;
beforeAll(async () => {
  if (!noMount) podman = await startPodman();
}, 300_000);
afterAll(() => podman?.stop());

describe.skipIf(noMount).each(['npm', 'pnpm', 'yarn', 'bun'] as const)('with %s', (packageManager) => {
  const root = mkdtempSync(join(tmpdir(), `create-mcp-sse-${packageManager}-`));
  const context = join(root, 'context');
  const image = `server-${packageManager}`;
  let options: string[];

  beforeAll(async () => {
    const answers = completeAnswers(
      { directory: context, name: 'test-server', auth: 'apikey', packageManager },
      { cwd: root, packageManager },
    );
    const files = await render(answers, { secret, templates: templatesFolder });
    for (const [path, { content }] of files) {
      mkdirSync(dirname(join(context, path)), { recursive: true });
      writeFileSync(join(context, path), content);
    }
    options = optionsOf(parse(String(files.get('compose.yaml')?.content)).services['mcp-server']);
    await install(context);
    await podman.build(context, image);
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

  /** The options of podman that a service of compose.yaml stands for. */
  function optionsOf({ environment, env_file, read_only, cap_drop, security_opt }: Service): string[] {
    expect({ read_only, cap_drop }).toEqual({ read_only: true, cap_drop: ['ALL'] });
    return [
      '--read-only',
      '--cap-drop=ALL',
      ...Object.entries(environment).map(([name, value]) => `--env=${name}=${value}`),
      ...security_opt.map((option) => `--security-opt=${option}`),
      `--env-file=${join(context, env_file)}`,
    ];
  }

  test('a linter finds nothing in its Dockerfile', async () => {
    expect((await execa(linter, ['lint', join(context, 'Dockerfile')])).stdout).toBe('');
  });

  test('the image holds what runs, without secrets, sources or compiler', async () => {
    const { stdout: files } = await podman.run(image, 'ls', '-A');
    expect(files.split('\n').sort()).toEqual(['dist', 'node_modules', 'package.json', 'page', 'scripts']);
    const { stdout: found } = await podman.run(
      image,
      'sh',
      '-c',
      `ls -d node_modules/typescript; grep -rl ${secret} . || true`,
    );
    expect(found).toBe('');
  });

  test('the server runs as a user without rights', async () => {
    expect((await podman.run(image, 'id')).stdout).toContain('uid=1000(node)');
  });

  test('the container listens on every address, is healthy, and exits on SIGTERM', async () => {
    const port = await freePort();
    const server = podman.start(image, image, ...options, `--env=PORT=${port}`);
    expect((await listening(server)).hostname).toBe('0.0.0.0');
    expect((await fetch(`http://127.0.0.1:${port}/health`)).status).toBe(200);
    expect(await podman.isHealthy(image)).toBe(true);

    server.kill('SIGTERM');
    expect(await once(server, 'exit')).toEqual([0, null]);
    expect(await podman.isHealthy(image)).toBe(false);
  });
});

async function listening({ stdout }: ChildProcess): Promise<URL> {
  for await (const line of createInterface({ input: stdout as NodeJS.ReadableStream })) {
    const { msg, url } = JSON.parse(line);
    if (msg === 'listening') return new URL(url);
  }
  throw new Error('the server ended before it listened');
}
