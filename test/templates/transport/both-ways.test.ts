import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { call, callTool, eventually, metric, openStream, type Stream } from '../support/client.js';
import { type RunningServer, startTestServer } from '../support/server.js';

// Messages that begin at the server: they leave on the stream, and their answers come back by POST.

let server: RunningServer;
let stream: Stream;
beforeAll(async () => {
  server = await startTestServer('none');
});
afterAll(() => server.stop());
beforeEach(async () => {
  stream = await openStream(server);
  const capabilities = { sampling: {}, elicitation: {}, roots: {} };
  await stream.post(
    call('init', 'initialize', {
      protocolVersion: '2025-06-18',
      capabilities,
      clientInfo: { name: 'test', version: '1' },
    }),
  );
  await stream.message('init');
  await stream.post({ jsonrpc: '2.0', method: 'notifications/initialized' });
});
afterEach(() => stream.close());

describe('notifications', () => {
  test('of progress arrive before the result, for the client that asked for them', async () => {
    const other = await openStream(server);
    const params = { name: 'countdown', arguments: { seconds: 2 }, _meta: { progressToken: 'token' } };
    await stream.post(call(1, 'tools/call', params));
    for (const progress of [0, 1]) {
      const { params } = await stream.message();
      expect(params).toMatchObject({ progressToken: 'token', progress, total: 2 });
    }
    expect(await stream.message()).toMatchObject({ id: 1, result: {} });
    expect(other.events).toEqual([]);
    other.close();
  });

  test('of the log arrive', async () => {
    await stream.post(callTool(1, 'log', { data: 'line one\nline two' }));
    expect(await stream.notification('notifications/message')).toMatchObject({
      params: { level: 'info', data: 'line one\nline two' },
    });
  });

  test('of a changed list arrive, and the list has changed', async () => {
    await stream.post(callTool(1, 'grow'));
    await stream.notification('notifications/tools/list_changed');
    await stream.post(call(2, 'tools/list'));
    const names = (await stream.message(2)).result.tools.map(({ name }: { name: string }) => name);
    expect(names).toContain('grown');
  });
});

describe('requests of the server', () => {
  const message = { role: 'assistant', content: { type: 'text', text: 'hi' }, model: 'a-model' };
  const schema = { type: 'object', properties: { name: { type: 'string' } } };
  test.each([
    ['sampling/createMessage', { messages: [], maxTokens: 10 }, message],
    [
      'elicitation/create',
      { message: 'Who?', requestedSchema: schema },
      { action: 'accept', content: { name: 'x' } },
    ],
    ['roots/list', {}, { roots: [{ uri: 'file:///home' }] }],
    ['ping', {}, {}],
  ])('such as %s go out on the stream, and the tool gets the answer', async (method, params, result) => {
    await stream.post(callTool(1, 'ask', { method, params }));
    const { data } = await stream.next(({ data }) => JSON.parse(data).method === method);
    const request = JSON.parse(data);
    expect(request.params ?? {}).toMatchObject(params);
    await stream.post({ jsonrpc: '2.0', id: request.id, result });
    expect(JSON.parse((await stream.message(1)).result.content[0].text)).toEqual(result);
  });

  test('fail the call if the client refuses them', async () => {
    await stream.post(callTool(1, 'ask', { method: 'roots/list', params: {} }));
    const { id } = JSON.parse((await stream.next(({ data }) => data.includes('roots/list'))).data);
    await stream.post({ jsonrpc: '2.0', id, error: { code: -1, message: 'user said no' } });
    expect((await stream.message(1)).result).toMatchObject({
      isError: true,
      content: [{ text: expect.stringMatching(/^The tool failed \(reference/) }],
    });
    expect(await server.logged({ msg: 'tool call failed' })).toMatchObject({
      err: { message: 'user said no' },
    });
  });

  test('cannot be answered by another session that waits for the same id', async () => {
    const other = await openStream(server);
    await other.post(callTool(1, 'ask', { method: 'ping', params: {} }));
    await stream.post(callTool(1, 'ask', { method: 'ping', params: {} }));
    const asked = JSON.parse((await stream.next(({ data }) => data.includes('"ping"'))).data);
    const askedOther = JSON.parse((await other.next(({ data }) => data.includes('"ping"'))).data);
    expect(askedOther.id).toBeTypeOf(typeof asked.id);
    await stream.post({ jsonrpc: '2.0', id: asked.id, result: {} });
    await stream.message(1);
    expect(other.events).toEqual([]);
    await other.post({ jsonrpc: '2.0', id: askedOther.id, result: {} });
    await other.message(1);
    other.close();
  });
});

describe('cancellation', () => {
  test('by the client stops the tool; the request gets no reply', async () => {
    await stream.post(callTool(1, 'hang'));
    await stream.post({
      jsonrpc: '2.0',
      method: 'notifications/cancelled',
      params: { requestId: 1, reason: 'enough' },
    });
    await stream.post(callTool(2, 'inside'));
    const { result } = await stream.message();
    expect(JSON.parse(result.content[0].text).callsAborted).toBe(1);
    expect(stream.events).toEqual([]);
  });

  test('by the server tells the client that it need not reply', async () => {
    await stream.post(callTool(1, 'ask', { method: 'ping', params: {}, timeout: 100 }));
    const { data } = await stream.next(({ data }) => data.includes('"ping"'));
    expect(await stream.notification('notifications/cancelled')).toMatchObject({
      params: { requestId: JSON.parse(data).id },
    });
    expect((await stream.message(1)).result.isError).toBe(true);
  });

  test('of a request that is not running does nothing', async () => {
    for (const requestId of [99, 'no', null]) {
      await stream.post({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId } });
    }
    await stream.post(call(3, 'ping'));
    expect(await stream.message()).toMatchObject({ id: 3 });
  });
});

describe('a tool that', () => {
  test('throws fails that call', async () => {
    await stream.post(callTool(1, 'fail'));
    expect((await stream.message(1)).result).toMatchObject({
      isError: true,
      content: [{ text: expect.stringContaining('this tool always fails') }],
    });
  });

  test('throws after its call has ended is logged, and all sessions continue', async () => {
    await stream.post(callTool(1, 'failLater'));
    await server.logged({ msg: 'uncaught error' });
    await stream.post(call(2, 'ping'));
    expect(await stream.message(2)).toMatchObject({ result: {} });
  });

  test('never returns does not block other calls of the session', async () => {
    await stream.post(callTool(1, 'hangForever'));
    await stream.post(callTool(2, 'echo', { text: 'still here' }));
    expect((await stream.message()).id).toBe(2);
  });

  test('returns 50 MB delivers it', async () => {
    await stream.post(callTool(1, 'big', { bytes: 50 * 1024 ** 2 }));
    expect((await stream.message(1, 20_000)).result.content[0].text).toHaveLength(50 * 1024 ** 2);
  });

  test.each([
    ['what JSON cannot hold', 'unwritable', {}],
    ['what is nested too deep to be written', 'deep', { levels: 100_000 }],
  ])('returns %s fails that call', async (_, name, args) => {
    await stream.post(callTool(1, name, args));
    expect(await stream.message(1)).toMatchObject({ error: { code: -32603 } });
    await stream.post(call(2, 'ping'));
    expect(await stream.message(2)).toMatchObject({ result: {} });
  });

  test('is still running when its client leaves ends without effect', async () => {
    const leaving = await openStream(server);
    await leaving.post(callTool(1, 'wait', { ms: 300 }));
    const open = await metric(server, 'mcp_sessions_open');
    leaving.close();
    await eventually(
      () => metric(server, 'mcp_sessions_open'),
      (now) => now === open - 1,
    );
    await stream.post(callTool(1, 'wait', { ms: 400 }));
    expect(await stream.message()).toMatchObject({ id: 1, result: { content: [{ text: 'waited' }] } });
  });
});
