import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { makeOwnProject } from '../templates/auth/own-project.js';
import { type Auth, authTypes, directoryOf } from '../templates/support/projects.js';

// A project's own tests prove it whatever its .env says: it is there for production.

const productionSettings = `
BASE_PATH=/my-server
ALLOWED_HOSTS=mcp.example.com
ALLOWED_ORIGINS=https://app.example.com
TRUST_PROXY=1
TLS_CERT_FILE=/etc/ssl/mcp.example.com.crt
TLS_KEY_FILE=/etc/ssl/mcp.example.com.key
SSE_ENDPOINT=/messages
MESSAGE_ENDPOINT=/mcp
STREAMABLE_HTTP_ENDPOINT=/sse
MAX_MESSAGE_SIZE=1kb
MAX_SESSIONS=1
MAX_SESSIONS_PER_CLIENT=1
RATE_LIMIT=1
AUTH_FAILURES_PER_MINUTE=1
LOG_LEVEL=silent
METRICS=off
LANDING_PAGE=off
`;

/** A provider that lets somebody in, with the headers that are good. */
const customFiles = {
  'src/auth/custom-auth-provider.ts': `
import type { IncomingMessage } from 'node:http';
import type { AuthProvider } from './auth-provider.js';

export class CustomAuthProvider implements AuthProvider {
  async authenticate({ headers }: IncomingMessage): Promise<boolean> {
    return headers.authorization === 'Bearer good';
  }
}
`,
  'test/credentials.ts': `
export const settings = {};
export const goodHeaders: Record<string, string> | undefined = { Authorization: 'Bearer good' };
export const badHeaders: Record<string, string> | undefined = { Authorization: 'Bearer wrong' };
`,
};

/** How many of a project's own tests pass, fail and are skipped. */
async function runOwnTests(project: Auth) {
  // Within vitest, node:test would take itself for a part of another run.
  const { stdout } = await execa(process.execPath, ['scripts/test.js'], {
    cwd: directoryOf(project),
    env: { PATH: process.env.PATH },
    extendEnv: false,
    reject: false,
  });
  return stdout.match(/(?<=^ℹ )(pass|fail|skipped) \d+$/gm);
}

test.each(authTypes)('the generated tests of %s pass with production settings in .env', async (auth) => {
  const ownEnv =
    auth === 'jwt' || auth === 'apikey' ? readFileSync(join(directoryOf(auth), '.env'), 'utf8') : '';
  const project = await makeOwnProject(`${auth}-in-production`, auth, {
    ...(auth === 'custom' && customFiles),
    '.env': `${ownEnv}\n${productionSettings}`,
  });
  const refusals = auth === 'none' ? 2 : 0; // They are about credentials.
  expect(await runOwnTests(project)).toEqual([`pass ${8 - refusals}`, 'fail 0', `skipped ${refusals}`]);
});

test('the generated tests of custom, as generated, skip what needs a credential', async () => {
  const project = await makeOwnProject('custom-in-production-as-generated', 'custom', {
    '.env': productionSettings,
  });
  expect(await runOwnTests(project)).toEqual(['pass 4', 'fail 0', 'skipped 4']);
});
