import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { connect, startServer, type TestServer, withCredential } from './harness.ts';

// An example of a test with a server in a process of its own, as clients meet it.

let server: TestServer;
before(async () => {
  server = await startServer();
});
after(() => server.stop());

test('a countdown reports its progress while it runs', withCredential, async (t) => {
  const { client } = await connect(t, server);
  const seen: number[] = [];
  const onprogress = ({ progress }: { progress: number }) => seen.push(progress);
  await client.callTool({ name: 'countdown', arguments: { seconds: 1 } }, { onprogress });
  assert.deepEqual(seen, [0]);
  const { outcome } = await server.logged('tool call', { tool: 'countdown' });
  assert.equal(outcome, 'ok');
});
