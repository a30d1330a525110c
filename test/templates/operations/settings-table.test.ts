import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { compileProject } from '../../../scripts/compile-project.js';
import { type Auth, combinations, directoryOf, renderProject } from '../support/projects.js';

// The README's table of settings is what the server itself says of its settings.

/** The answers that are defaults of settings, none of them the generator's own default. */
const given = {
  host: '::1',
  port: 3210,
  endpoint: '/events',
  messageEndpoint: '/inbox',
  maxMessageSize: '2mb',
};

/** What `.env` of a new project sets, as --check prints it. */
const inEnvironmentFile = {
  jwt: { JWT_SECRET: '(set)' },
  apikey: { API_KEY: '(set)' },
  custom: {},
  none: {},
};

describe.each(combinations)('auth $auth, Streamable HTTP $streamableHttp, relay $relay', (options) => {
  test('README.md lists the settings that --check prints, in the same order, with their defaults', async () => {
    const { auth, streamableHttp, relay } = options;
    const directory = directoryOf(`settings-${auth}-${streamableHttp}-${relay}` as Auth);
    const files = await renderProject({ ...given, ...options });
    compileProject(directory, files);

    const rows = tableRows(String(files.get('README.md')?.content));
    const effective = execFileSync(process.execPath, ['dist/main.js', '--check'], {
      cwd: directory,
      env: { PATH: process.env.PATH },
      encoding: 'utf8',
    });
    const printed = Object.fromEntries(
      [...effective.matchAll(/^(\w+)=(.*)$/gm)].map(([, name, value]) => [name, value]),
    );

    expect(Object.keys(rows)).toEqual(Object.keys(printed));
    expect(printed).toEqual({ ...rows, ...inEnvironmentFile[auth] });
    expect(rows).toMatchObject({
      HOST: '::1',
      PORT: '3210',
      SSE_ENDPOINT: '/events',
      MESSAGE_ENDPOINT: '/inbox',
      MAX_MESSAGE_SIZE: '2mb',
    });
  });
});

/** The defaults of the settings that a README lists, by name. */
function tableRows(markdown: string): Record<string, string> {
  const rows = markdown.matchAll(/^\| `([A-Z_]+)` \| (?:`(.*?)`)? \|/gm);
  return Object.fromEntries([...rows].map(([, name, value = '']) => [name, value]));
}
