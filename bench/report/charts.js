import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { barChart, lineChart } from './chart.js';

/** Draws the pictures that the README shows. */
export function writeCharts({ measures, servers }, folder) {
  const label = ({ name, version }) => (version ? `${name} ${version}` : name);
  const kind = ({ ours, floor }) => (ours ? 'ours' : floor ? 'floor' : 'peer');
  const rowsOf = (measure, ...path) =>
    servers
      .filter(({ id }) => measures[measure]?.[id])
      .map((server) => {
        const measured = measures[measure][server.id];
        const value = path.reduce((part, key) => part?.[key], measured);
        return { label: label(server), kind: kind(server), value, error: measured.error };
      });

  const spread = 'Bar: median of the rounds. Line: their range.';
  const charts = {
    cpu: barChart({
      title: 'CPU time of the server for each tool call, microseconds',
      note: `At 3,000 calls a second over 100 sessions; less is better. ${spread}`,
      rows: rowsOf('calls', 'at3000', 'cpuMicroseconds'),
    }),
    throughput: barChart({
      title: 'Tool calls a second, flat out, one process',
      note: `400 sessions, each with one call under way; more is better. ${spread}`,
      rows: rowsOf('calls', 'flatOut', 'callsPerSecond'),
    }),
    latency: barChart({
      title: 'Latency of a tool call, 99th percentile, milliseconds',
      note: `At 3,000 calls a second, from the intended start; less is better. ${spread}`,
      rows: rowsOf('calls', 'at3000', 'p99'),
      digits: 1,
    }),
    memory: barChart({
      title: 'Memory for each idle session, KB',
      note: 'Resident memory of the server with 2,000 sessions open; less is better.',
      rows: rowsOf('sessions', 'memoryKb', 2000),
    }),
    sessions: lineChart({
      title: 'CPU time for each tool call beside idle sessions, microseconds',
      note: '3,000 calls a second over 50 sessions, while the others are open and idle.',
      xLabel: 'sessions open',
      steps: [0, 100, 2000, 10_000],
      lines: rowsOf('sessions', 'beside').flatMap(({ value, ...row }) =>
        value
          ? { ...row, values: [0, 100, 2000, 10_000].map((step) => value[step]?.cpuMicroseconds?.median) }
          : [],
      ),
    }),
    generators: barChart({
      title: 'From the command to a server that answered a tool call, seconds',
      note: 'Installed packages warm in the cache. Ours also builds the project and runs its tests.',
      rows: Object.entries(measures.generators).map(([id, { name, answeredSeconds, error }]) => ({
        label: name,
        kind: id.startsWith('create-mcp-sse') ? 'ours' : 'peer',
        value: answeredSeconds,
        error,
      })),
      digits: 1,
    }),
  };
  for (const [name, content] of Object.entries(charts)) writeFileSync(join(folder, `${name}.svg`), content);
}
