import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { expect, test } from 'vitest';
import { portInUse } from '../../src/cli/port-in-use.ts';
import { notFound, recordedRun } from '../fixtures/recorded-run.ts';

async function listening() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port };
}

test('a port in use is reported with the program that uses it, if that is known', async () => {
  const { server, port } = await listening();
  const known = recordedRun(() => 'p4711\ncnode\nf20\n');
  const unknown = recordedRun(notFound);
  expect(await portInUse({ port, host: '127.0.0.1' }, known.run)).toContain(
    `port ${port} is in use on this machine, by node (process 4711)`,
  );
  expect(await portInUse({ port, host: '127.0.0.1' }, unknown.run)).toContain('by another program');
  server.close();
});

test('nothing is reported for a free port, nor for an address of another machine', async () => {
  const { server, port } = await listening();
  server.close();
  await once(server, 'close');
  const { run, lines } = recordedRun();
  expect(await portInUse({ port, host: '127.0.0.1' }, run)).toBeUndefined();
  expect(await portInUse({ port, host: '192.0.2.1' }, run)).toBeUndefined();
  expect(lines).toEqual([]);
});
