import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { expect, test } from 'vitest';
import { portInUse } from '../src/port-in-use.js';
import { notFound, recordedRun } from './fixtures/recorded-run.js';

async function listening() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port };
}

test('a port that something listens on is told, with who if that is known', async () => {
  const { server, port } = await listening();
  const known = recordedRun(() => 'p4711\ncnode\nf20\n');
  const unknown = recordedRun(notFound);
  expect(await portInUse(port, '127.0.0.1', known.run)).toContain(
    `port ${port} is in use on this machine, by node (process 4711)`,
  );
  expect(await portInUse(port, '127.0.0.1', unknown.run)).toContain('by another program');
  server.close();
});

test('a free port is no matter, nor is an address of another machine', async () => {
  const { server, port } = await listening();
  server.close();
  await once(server, 'close');
  const { run, lines } = recordedRun();
  expect(await portInUse(port, '127.0.0.1', run)).toBeUndefined();
  expect(await portInUse(port, '192.0.2.1', run)).toBeUndefined();
  expect(lines).toEqual([]);
});
