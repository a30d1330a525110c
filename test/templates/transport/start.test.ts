import { readFile, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { directoryOf } from '../support/projects.js';
import { runServer } from '../support/server.js';

const hosts: { close(): void }[] = [];
afterEach(() => {
  for (const host of hosts.splice(0)) host.close();
});

test('a port in use ends the start with one line and exit status 1', async () => {
  const other = createServer();
  hosts.push(other);
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const { port } = other.address() as { port: number };
  const { code, output } = await runServer('apikey', { PORT: String(port) });
  expect(code).toBe(1);
  expect(output).toBe(
    `PORT ${port}: another program already listens on it at 127.0.0.1; stop it or choose another port\n`,
  );
});

test.each(['203.0.113.7', 'no-such-host.invalid', '::ffff:203.0.113.7'])(
  'a host that this machine does not have (%s) ends the start with one line and exit status 1',
  async (host) => {
    const { code, output } = await runServer('apikey', { HOST: host, PORT: '0' });
    expect(code).toBe(1);
    expect(output).toBe(`HOST ${host}: this machine has no such address\n`);
  },
);

/** Why a port below 1024 cannot be tried here without rights; undefined when it can. */
async function whyNotLowPorts(): Promise<string | undefined> {
  if (process.platform !== 'linux') return 'only Linux keeps low ports from programs that a test can start';
  const firstFree = await readFile('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8');
  if (Number(firstFree) <= 81) return 'this machine keeps no port from anybody';
  for (let folder = directoryOf('apikey'); ; folder = dirname(folder)) {
    if (((await stat(folder)).mode & 0o005) !== 0o005) return `${folder} is closed to a user without rights`;
    if (folder === dirname(folder)) return undefined;
  }
}

test('a port that needs more rights ends the start with one line and exit status 1', async ({ skip }) => {
  const reason = await whyNotLowPorts();
  skip(reason !== undefined, reason);
  const nobody = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
  const { code, output } = await runServer('none', { PORT: '81' }, [], nobody);
  expect(code).toBe(1);
  expect(output).toBe('PORT 81: listening on it needs more rights; choose a port above 1023\n');
});

test('without credentials, an address beyond this machine is refused', async () => {
  for (const host of ['0.0.0.0', '::', '192.0.2.1']) {
    const { code, output } = await runServer('none', { HOST: host, PORT: '0' });
    expect(code).toBe(1);
    expect(output).toBe(
      `HOST=${host} must be a loopback address such as 127.0.0.1, since this server asks for no credential; ` +
        'ALLOW_UNAUTHENTICATED=true lifts this\n',
    );
  }
});
