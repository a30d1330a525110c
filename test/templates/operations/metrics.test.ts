import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { call, callTool, openStream, post, send } from '../support/client.js';
import { directoryOf } from '../support/projects.js';
import { goodHeaders, type RunningServer, startServer } from '../support/server.js';

const headers = goodHeaders.apikey;

async function start(settings: Record<string, string> = {}) {
  const server = await startServer('apikey', { METRICS: 'public', ...settings });
  onTestFinished(() => void server.stop());
  return server;
}

/** The samples of the page, by name and labels. */
async function metrics(server: RunningServer): Promise<Record<string, number>> {
  const { body } = await send(server, 'GET', '/metrics');
  const samples = body.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return Object.fromEntries(
    samples.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]),
  );
}

test('sessions are counted: open, opened, closed by reason', async () => {
  const server = await start();
  await openStream(server, { headers });
  const second = await openStream(server, { headers });
  second.close();
  await server.logged({ msg: 'session closed' });
  expect(await metrics(server)).toMatchObject({
    mcp_sessions_open: 1,
    mcp_sessions_opened_total: 2,
    'mcp_sessions_closed_total{reason="client_gone"}': 1,
  });
});

test('messages are counted: received, delivered and failed by reason, with their bytes', async () => {
  const server = await start();
  const stream = await openStream(server, { headers });
  const request = JSON.stringify(call(1, 'ping'));
  await stream.post(request);
  await stream.message(1);
  await stream.post('not JSON');
  expect(await metrics(server)).toMatchObject({
    mcp_messages_received_total: 1,
    mcp_messages_received_bytes_total: request.length,
    mcp_messages_delivered_total: 1,
    mcp_messages_delivered_bytes_total: '{"jsonrpc":"2.0","id":1,"result":{}}'.length,
    'mcp_messages_failed_total{code="parse_error"}': 1,
  });
});

test('refused requests are counted by status, and those refused for their credential separately', async () => {
  const server = await start();
  await send(server, 'GET', '/sse');
  await post(server, '/messages?sessionId=unknown', call(1, 'ping'), headers);
  await send(server, 'GET', '/no/such/path');
  expect(await metrics(server)).toMatchObject({
    'mcp_auth_failures_total{reason="missing"}': 1,
    'mcp_requests_rejected_total{status="401"}': 1,
    'mcp_requests_rejected_total{status="404"}': 2,
    'mcp_messages_failed_total{code="session_not_found"}': 1,
  });
});

test('the duration of tool calls is a histogram, over both transports', async () => {
  const server = await start();
  const stream = await openStream(server, { headers });
  await stream.post(callTool(1, 'countdown', { seconds: 1 }));
  await stream.message(1);
  await stream.post(call(2, 'ping'));
  await stream.message(2);
  await post(server, '/mcp', callTool(1, 'echo', { text: 'hello' }), {
    ...headers,
    Accept: 'application/json, text/event-stream',
  });

  const found = await metrics(server);
  const sum = found['mcp_tool_call_duration_seconds_sum{tool="countdown"}'];
  expect(sum).toBeGreaterThan(1);
  expect(sum).toBeLessThan(5);
  expect(found).toMatchObject({
    'mcp_tool_call_duration_seconds_bucket{tool="countdown",le="1"}': 0,
    'mcp_tool_call_duration_seconds_bucket{tool="countdown",le="5"}': 1,
    'mcp_tool_call_duration_seconds_bucket{tool="countdown",le="+Inf"}': 1,
    'mcp_tool_call_duration_seconds_count{tool="countdown"}': 1,
    'mcp_tool_call_duration_seconds_bucket{tool="echo",le="1"}': 1,
    'mcp_tool_call_duration_seconds_count{tool="echo"}': 1,
    'mcp_tool_calls_total{tool="countdown",outcome="ok"}': 1,
    'mcp_tool_calls_total{tool="echo",outcome="ok"}': 1,
  });
});

test('memory, processor time and the delay of the event loop are measured', async () => {
  const server = await start();
  const found = await metrics(server);
  expect(found.process_resident_memory_bytes).toBeGreaterThan(20e6);
  expect(found.nodejs_heap_used_bytes).toBeGreaterThan(1e6);
  expect(found.process_cpu_seconds_total).toBeGreaterThan(0);
  expect(found.nodejs_eventloop_delay_seconds).toBeLessThan(2);
  expect(Math.abs((found.process_start_time_seconds as number) - Date.now() / 1000)).toBeLessThan(30);
});

const withoutPromtool = spawnSync('promtool', ['--version']).error !== undefined;
const promtoolIsMissing = 'promtool is missing; Debian has it in the package prometheus';

test('promtool accepts the metrics page', async (context) => {
  if (withoutPromtool) context.skip(promtoolIsMissing);
  const server = await start();
  const stream = await openStream(server, { headers });
  await stream.post(callTool(1, 'echo', { text: 'hello' }));
  await stream.message(1);
  await send(server, 'GET', '/sse');
  stream.close();
  await server.logged({ msg: 'session closed' });

  const page = await send(server, 'GET', '/metrics');
  expect(page.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(execFileSync('promtool', ['check', 'metrics'], { input: page.body, stdio: 'pipe' }).toString()).toBe(
    '',
  );
});

test.each([
  ['off', 404, 404],
  ['protected', 401, 200],
  ['public', 200, 200],
])('METRICS=%s answers %i without a credential and %i with one', async (access, without, withOne) => {
  const server = await start({ METRICS: access });
  expect((await send(server, 'GET', '/metrics')).status).toBe(without);
  expect((await send(server, 'GET', '/metrics', { headers })).status).toBe(withOne);
});

test('protected metrics need a credential even where messages need none', async () => {
  const server = await start({ METRICS: 'protected', PROTECT: 'sse' });
  expect((await send(server, 'GET', '/metrics')).status).toBe(401);
});

const dashboard = join(directoryOf('apikey'), 'grafana/dashboard.json');

/** The queries of the dashboard, with its variables filled in. */
function queries(): string[] {
  const { panels } = JSON.parse(readFileSync(dashboard, 'utf8')) as {
    panels: { targets: { expr: string }[] }[];
  };
  return panels
    .flatMap(({ targets }) => targets.map(({ expr }) => expr))
    .map((expr) => expr.replaceAll('$__rate_interval', '5m').replaceAll('$job', 'my-server'));
}

test('the Grafana dashboard shows exactly the metrics that exist', async () => {
  const { body } = await send(await start(), 'GET', '/metrics');
  const offered = [...body.matchAll(/^# TYPE (\w+)/gm)].map(([, name]) => name);
  const shown = queries().flatMap((query) => query.match(/\w+(?=\{job=)/g) ?? []);
  const histogram = /_(bucket|count)$/;
  expect([...new Set(shown.map((name) => name.replace(histogram, '')))].sort()).toEqual(
    offered.filter((name) => name !== 'process_start_time_seconds').sort(),
  );
});

test('promtool accepts the queries of the Grafana dashboard', (context) => {
  if (withoutPromtool) context.skip(promtoolIsMissing);
  const rules = join(directoryOf('apikey'), 'dashboard-rules.json'); // JSON is YAML too.
  writeFileSync(
    rules,
    JSON.stringify({
      groups: [{ name: 'dashboard', rules: queries().map((expr, i) => ({ record: `query_${i}`, expr })) }],
    }),
  );
  expect(execFileSync('promtool', ['check', 'rules', rules], { stdio: 'pipe' }).toString()).toContain(
    `SUCCESS: ${queries().length} rules found`,
  );
});
