import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { connect, startServer, type TestServer, withCredential } from './harness.ts';

// An example of a test with a server in a process of its own, as clients meet it.

let server: TestServer;
before(async () => {
  server = await startServer();
});
after(() => server.stop());

test('a countdown stops when its client cancels it', withCredential, async (t) => {
  const { client } = await connect(t, server);
  const cancel = new AbortController();
  const options = { signal: cancel.signal, onprogress: () => cancel.abort() };
  await assert.rejects(client.callTool({ name: 'countdown', arguments: { seconds: 60 } }, options));
  const { outcome } = await server.logged('tool call');
  assert.equal(outcome, 'cancelled');
});
