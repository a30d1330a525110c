import fc from 'fast-check';
import { test } from 'vitest';
import { startHere } from '../support/embedded.js';
import { importFrom } from '../support/projects.js';
import { laterTool, orders, provider, settings, startRun } from '../support/resuming-clients.js';

test('whatever is cut, taken over, initialised and ended in whatever order, everybody gets what is theirs', {
  timeout: 120_000,
}, async () => {
  const { createMcpServer } = await importFrom('custom', 'mcp-server.js');
  await fc.assert(
    fc.asyncProperty(orders(), async (actions) => {
      const { running, register } = laterTool();
      const server = await startHere(settings, {
        provider,
        createMcpServer: (caller: unknown) => register(createMcpServer({ app: {}, caller })),
      });
      const run = startRun({ live: [server] }, running);
      for (const each of actions) await run.do(each);
      await run.finish();
      await server.close();
    }),
    { numRuns: Number(process.env.RESUME_RUNS ?? 40), endOnFailure: true },
  );
});
