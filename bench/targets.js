import { pairedRatio } from './statistics.js';

/** The commands beside ours that make MCP servers. */
const mcpGenerators = ['create-xmcp-app', 'mcp-framework'];

/**
 * What this project sets itself, each as a number and the most it may be. Two figures are compared round by round; of several
 * peers, the one that does best counts.
 *
 * @returns for each its `value`, `limit` and whether it is `met`; `met` is undefined where something is not measured
 */
export function evaluateTargets({ measures, servers }) {
  const figure = (id, measure, ...path) => path.reduce((part, key) => part?.[key], measures[measure]?.[id]);
  const ratio = (id, other, ...path) => pairedRatio(figure(id, ...path), figure(other, ...path));
  const worstRatio = (id, others, ...path) =>
    Math.max(...others.map((other) => ratio(id, other, ...path)).filter(Number.isFinite));
  const peers = servers.filter(({ ours, floor }) => !ours && !floor).map(({ id }) => id);

  const cpu = ['calls', 'at3000', 'cpuMicroseconds'];
  const sessions = (...path) => figure('apikey', 'sessions', ...path);
  const all = [
    [
      'CPU for each call at 3,000 calls/s, of SDK v1 + Express',
      ratio('apikey', 'sdk-v1-express', ...cpu),
      0.65,
    ],
    ['CPU for each call at 3,000 calls/s, of MCP Framework', ratio('apikey', 'mcp-framework', ...cpu), 0.5],
    ['CPU for each call at 3,000 calls/s, of bare node:http', ratio('apikey', 'floor', ...cpu), 2],
    ['CPU for each call at 3,000 calls/s, JWT of API key', ratio('jwt', 'apikey', ...cpu), 1.1],
    [
      'CPU for each call flat out, of SDK v1 + Express',
      ratio('apikey', 'sdk-v1-express', 'calls', 'flatOut', 'cpuMicroseconds'),
      0.5,
    ],
    ["p99 at 500 calls/s, of the best peer's", worstRatio('apikey', peers, 'calls', 'at500', 'p99'), 1],
    ["p99 at 3,000 calls/s, of the best peer's", worstRatio('apikey', peers, 'calls', 'at3000', 'p99'), 1],
    ['KB for each idle session at 2,000', sessions('memoryKb', 2000)?.median, 31],
    [
      'KB for each session that waits without a stream, of an idle one',
      pairedRatio(figure('apikey', 'waiting', 'waitingKb'), figure('apikey', 'waiting', 'idleKb')),
      1.1,
    ],
    ['% of a core with 10,000 idle sessions', sessions('idleCpuPercent', 10_000)?.median, 3],
    [
      'p99 of calls beside 10,000 sessions, of that beside none',
      pairedRatio(sessions('beside', 10_000, 'p99'), sessions('beside', 0, 'p99')),
      2,
    ],
    ["start to listening, of the best peer's", worstRatio('apikey', peers, 'start', 'startMs'), 0.8],
    [
      'from command to an answered tool call, proof included, of the fastest peer that proves nothing',
      worstRatio('create-mcp-sse', mcpGenerators, 'generators', 'answeredSeconds'),
      0.5,
    ],
  ];
  return all.map(([name, value, limit]) => {
    const measured = Number.isFinite(value) && value > 0;
    return { name, limit, ...(measured && { value, met: value <= limit }) };
  });
}
