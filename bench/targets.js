/**
 * What this project sets itself, each as a number and the most it may be.
 *
 * @returns for each its `value`, `limit` and whether it is `met`; `met` is undefined where something is not measured
 */
export function evaluateTargets({ measures, servers }) {
  const find = (id, measure, ...path) =>
    path.reduce((value, key) => value?.[key], measures[measure]?.[id])?.median;
  const peers = servers.filter(({ ours, floor }) => !ours && !floor).map(({ id }) => id);
  const best = (...path) => Math.min(...peers.map((id) => find(id, ...path)).filter(Number.isFinite));
  const cpu = (id) => find(id, 'calls', 'at3000', 'cpuMicroseconds');
  const answered = (id) => measures.generators?.[id]?.answeredSeconds?.median;
  const mcpGenerators = ['create-xmcp-app', 'mcp-framework'].map(answered).filter(Number.isFinite);

  const all = [
    [
      'CPU for each call at 3,000 calls/s (API key), of MCP Framework',
      cpu('apikey') / cpu('mcp-framework'),
      0.35,
    ],
    ['CPU for each call at 3,000 calls/s, of SDK v1 + Express', cpu('apikey') / cpu('sdk-v1-express'), 0.6],
    ['CPU for each call at 3,000 calls/s, of bare node:http', cpu('apikey') / cpu('floor'), 2.2],
    ['CPU for each call at 3,000 calls/s, JWT of API key', cpu('jwt') / cpu('apikey'), 1.15],
    ...['at500', 'at3000'].map((rate) => [
      `p99 at ${rate === 'at500' ? '500' : '3,000'} calls/s, of the best peer's`,
      find('apikey', 'calls', rate, 'p99') / best('calls', rate, 'p99'),
      1,
    ]),
    ['KB for each idle session at 2,000', find('apikey', 'sessions', 'memoryKb', 2000), 36],
    [
      "KB for each idle session at 2,000, of the best peer's",
      find('apikey', 'sessions', 'memoryKb', 2000) / best('sessions', 'memoryKb', 2000),
      0.5,
    ],
    ['% of a core with 10,000 idle sessions', find('apikey', 'sessions', 'idleCpuPercent', 10_000), 3],
    [
      'p99 of calls beside 10,000 sessions, of that beside none',
      find('apikey', 'sessions', 'beside', 10_000, 'p99') / find('apikey', 'sessions', 'beside', 0, 'p99'),
      2,
    ],
    [
      "start to listening, of the best peer's",
      find('apikey', 'start', 'startMs') / best('start', 'startMs'),
      0.6,
    ],
    [
      'from command to an answered tool call, proof included, of the fastest peer that proves nothing',
      answered('create-mcp-sse') / Math.min(...mcpGenerators),
      0.5,
    ],
  ];
  return all.map(([name, value, limit]) => {
    const measured = Number.isFinite(value) && value > 0;
    return { name, limit, ...(measured && { value, met: value <= limit }) };
  });
}
