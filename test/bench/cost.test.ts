import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Cost, costOfCall } from '../../bench/cost/cost.js';
import { compileProject } from '../../scripts/compile-project.js';
import { completeAnswers, render, templatesFolder } from '../../src/index.ts';

/**
 * What a tool call to a server with API keys, all defaults on, may cost beyond what it costs on bare node:http. No clock
 * has a part in these numbers: they are the same on every machine, within half a percent, and nearly so with every Node.js.
 * When a call became cheaper, lower them; raise them only for something that is worth it.
 */
const budget: Cost = { functionCalls: 262, promises: 46, timers: 0, bytes: 42_000 };

/** The same in a session of Streamable HTTP, where each call has a stream of its own, and that a timer for stalled readers. */
const budgetOverMcp: Cost = { functionCalls: 426, promises: 50, timers: 1, bytes: 56_400 };

const root = resolve(import.meta.dirname, '../..');
// Inside the repository, so that the server finds the repository's dependencies.
const project = join(root, `.rendered/cost-${process.pid}`);
let floor: Cost;

beforeAll(async () => {
  const answers = completeAnswers(
    { auth: 'apikey', directory: project, name: 'cost' },
    { cwd: root, packageManager: 'npm' },
  );
  compileProject(project, await render(answers, { secret: 'unused', templates: templatesFolder }));
  floor = await costOfCall(join(root, 'bench/peers/floor'), 'server.js');
}, 60_000);

afterAll(() => rm(project, { recursive: true, force: true }));

/** The cost over the floor, of the server as it is or with `extra` done for each message. */
async function costOverFloor(name: string, extra?: string, path?: string): Promise<Cost> {
  const dist = `dist-${name}`;
  await cp(join(project, 'dist'), join(project, dist), { recursive: true });
  if (extra) {
    const file = join(project, dist, 'sse/sse-endpoints.js');
    const code = await readFile(file, 'utf8');
    const changed = code.replace(
      'exchange.response.writeHead(202',
      `${extra}, exchange.response.writeHead(202`,
    );
    expect(changed, 'where a message is accepted').not.toBe(code);
    await writeFile(file, changed);
  }
  const own = await costOfCall(project, `${dist}/main.js`, path);
  return {
    functionCalls: own.functionCalls - floor.functionCalls,
    promises: own.promises - floor.promises,
    timers: Math.round(own.timers - floor.timers),
    bytes: own.bytes - floor.bytes,
  };
}

test.each([
  ['over SSE', undefined, budget],
  ['in a session over Streamable HTTP', '/mcp', budgetOverMcp],
])(
  'a tool call %s costs no more than its budget',
  async (_, path, most) => {
    const cost = await costOverFloor('as-it-is', undefined, path);
    for (const name of Object.keys(most) as (keyof Cost)[]) {
      expect
        .soft(cost[name], `${name} for each call; all: ${JSON.stringify(cost)}`)
        .toBeLessThanOrEqual(most[name]);
    }
  },
  60_000,
);

test('a timer for each message would exceed the budget', async () => {
  const cost = await costOverFloor('timer', 'setTimeout(() => {}, 1000).unref()');
  expect(cost.timers).toBeGreaterThan(budget.timers);
}, 60_000);

test('a few headers set one by one would exceed the budget', async () => {
  const headers = ['A', 'B', 'C'].map((name) => `exchange.response.setHeader('X-${name}', '1')`).join(', ');
  const cost = await costOverFloor('headers', headers);
  expect(cost.functionCalls).toBeGreaterThan(budget.functionCalls);
}, 60_000);
