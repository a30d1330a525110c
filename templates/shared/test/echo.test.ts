import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectInProcess } from './harness.ts';

// An example of a test without a server: the tools alone, in this process.

test('echo returns the text it is given', async (t) => {
  const client = await connectInProcess(t);
  const result = await client.callTool({ name: 'echo', arguments: { text: 'hello' } });
  assert.deepEqual(result.content, [{ type: 'text', text: 'hello' }]);
});

test('echo refuses a call without a text', async (t) => {
  const client = await connectInProcess(t);
  const result = await client.callTool({ name: 'echo', arguments: {} });
  assert.equal(result.isError, true);
});
