import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { authTypes } from './support/projects.js';
import { credential, type RunningServer, startServer } from './support/server.js';

// Python's HTTP libraries, as Debian has them: each opens the stream, calls `echo` and prints what came back.

const folder = join(import.meta.dirname, 'fixtures/python');
/** Debian's own, which finds its packages; another that comes first in PATH does not. */
const python = '/usr/bin/python3';

const clients = ['requests', 'urllib3', 'httpx', 'aiohttp', 'tornado'];

/** Why one of them cannot be used here. */
async function missingPackage(name: string): Promise<string | undefined> {
  const { exitCode } = await execa(python, ['-c', `import ${name}`], { reject: false });
  return exitCode === 0 ? undefined : `${name} is not installed: on Debian, apt-get install python3-${name}`;
}

describe.each(clients)('%s', async (client) => {
  const reason = await missingPackage(client);
  if (reason) console.warn(`skipped: ${reason}`);

  describe.each(authTypes)('at a server with %s', (auth) => {
    let server: RunningServer;
    beforeAll(async () => {
      server = await startServer(auth);
    });
    afterAll(() => server.stop());

    test.skipIf(reason)(
      'reads the stream, and a result with every character that Python ends a line at',
      async () => {
        const args = [`with_${client}.py`, server.origin, JSON.stringify(await credential(auth))];
        const { stdout } = await execa(python, args, { cwd: folder, timeout: 25_000 });
        expect(JSON.parse(stdout).same).toBe(true);
      },
    );
  });
});
