import { beforeAll, expect, test } from 'vitest';
import { makeOwnProject } from '../auth/own-project.js';
import { type Auth, renderProject } from '../support/projects.js';
import { runServer } from '../support/server.js';

// What a project with the Redis relay says and is told, as far as no Redis is needed for it.

/** Its files, with a provider that may take long. */
let files: Record<string, string>;
let project: Auth;
beforeAll(async () => {
  const rendered = await renderProject({ auth: 'custom', relay: 'redis' });
  files = Object.fromEntries([...rendered].map(([path, { content }]) => [path, String(content)]));
  project = await makeOwnProject('custom-relay', 'custom', files);
}, 60_000);

test.each(['25mb', '30720KB', '25165825b'])(
  'MAX_MESSAGE_SIZE=%s, which is more than Redis carries, is refused with the largest size allowed',
  async (MAX_MESSAGE_SIZE) => {
    const { code, output } = await runServer(project, { PORT: '0', MAX_MESSAGE_SIZE });
    expect(code).toBe(1);
    expect(output.trim().split('\n').at(-1)).toBe(
      `MAX_MESSAGE_SIZE=${MAX_MESSAGE_SIZE.toLowerCase()} must be 24mb at most: Redis carries no more`,
    );
  },
);

test('MAX_MESSAGE_SIZE=24mb is accepted', async () => {
  const settings = { MAX_MESSAGE_SIZE: '24mb' };
  expect(await runServer(project, settings, ['--check'])).toMatchObject({ code: 0 });
});

test.each(['README.md', 'nginx.conf'])(
  'nginx, as configured in %s, waits longer than a provider and the relay may take together',
  (file) => {
    const figure = (path: string, pattern: RegExp) =>
      Number(pattern.exec(files[path] ?? '')?.[1]?.replace('_', ''));
    const provider = figure('src/auth/provider.ts', /withTimeout\(.*, ([\d_]+)\)/);
    const relay = figure('src/relay/redis-relay.ts', /answerTimeout = ([\d_]+)/);
    const nginx = 1000 * figure(file, /proxy_read_timeout (\d+)s/);
    expect(nginx).toBeGreaterThan(provider + relay);
  },
);
