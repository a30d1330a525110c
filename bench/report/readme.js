import { readFileSync, writeFileSync } from 'node:fs';

const begin = '<!-- bench:begin -->';
const end = '<!-- bench:end -->';

/** Writes the README's section about the measurements, between its two markers. */
export function writeReadme(results, file) {
  const text = readFileSync(file, 'utf8');
  const [before, rest] = text.split(begin);
  const after = rest?.split(end)[1];
  if (after === undefined) {
    console.log(`${file} has no ${begin} … ${end}: its section about the measurements is left as it is`);
    return;
  }
  writeFileSync(file, `${before}${begin}\n\n${section(results)}\n${end}${after}`);
}

/** The section as Markdown. */
export function section({ date, machine, measures, servers, targets }) {
  const at = (id, ...path) => path.reduce((part, key) => part?.[key], measures)?.[id];
  const value = (record, ...path) => path.reduce((part, key) => part?.[key], record)?.median;
  const rows = servers.map(({ id, name, version, ours }) => {
    const calls = at(id, 'calls');
    const sessions = at(id, 'sessions');
    const slow = at(id, 'slow');
    return [
      ours ? `**${name}**` : [name, version].filter(Boolean).join(' '),
      number(value(calls, 'at500', 'cpuMicroseconds')),
      number(value(calls, 'at3000', 'cpuMicroseconds')),
      percentiles(calls?.at3000),
      number(value(calls, 'flatOut', 'callsPerSecond')),
      number(value(calls, 'highest', 'rate')),
      number(value(sessions, 'memoryKb', 2000)),
      number(value(sessions, 'openedPerSecond')),
      number(value(sessions, 'idleCpuPercent', 10_000), 1),
      number(value(at(id, 'large'), 'p50')),
      slowReader(slow),
      number(value(at(id, 'start'), 'startMs')),
      installed(at(id, 'installed')),
    ];
  });
  const failures = Object.entries(measures).flatMap(([measure, byId]) =>
    Object.entries(byId).flatMap(([id, { error }]) =>
      error ? `- ${nameOf(servers, measures, id)}, ${measure}: ${error}` : [],
    ),
  );

  return [
    `Measured on ${date.slice(0, 10)} with \`npm run bench\`: ${machine.cores} cores (${machine.cpu}), ${machine.memoryGb} GB,`,
    `${machine.system}, Node.js ${machine.node.slice(1)}. Servers and load generator share the machine; ratios carry over to another`,
    'machine better than figures do. Ours are freshly generated projects with every check and limit on; the others check no',
    'credential. [How it is measured and what its limits are](bench/NOTES.md); every figure with its spread:',
    '[bench/results/full.json](bench/results/full.json).',
    '',
    ...['cpu', 'latency', 'throughput', 'memory', 'sessions', 'generators'].map(
      (name) => `![${titles[name]}](bench/results/${name}.svg)\n`,
    ),
    table(
      [
        ...[
          'server',
          'CPU µs/call at 500/s',
          'at 3,000/s',
          'p50 / p99 / p99.9 ms at 3,000/s',
          'calls/s flat out',
        ],
        ...['highest steady rate', 'KB/idle session', 'sessions opened/s', 'idle CPU %, 10,000 sessions'],
        ...['4 MB message ms', 'p99 ms beside a slow reader', 'start ms', 'packages, MB'],
      ],
      rows,
    ),
    '',
    'The p99 beside a slow reader is that of 50 other sessions, beside one that reads the same 10 MB a second → beside one that',
    'does not read; then what memory the server held for it, or that it cut the reader off.',
    '',
    table(
      [
        'generator',
        'fetched: packages, MB',
        'to files, s',
        'to an answered call, s',
        'installed: packages, MB',
      ],
      Object.entries(measures.generators).map(([, record]) => [
        record.name,
        `${record.fetched.packages.median ?? record.fetched.packages}, ${number(record.fetched.megabytes, 1)}`,
        number(value(record, 'filesSeconds'), 2),
        record.error ? 'failed' : number(value(record, 'answeredSeconds'), 1),
        record.error ? '–' : installed(record),
      ]),
    ),
    '',
    ...(failures.length > 0 ? ['What failed:', '', ...failures, ''] : []),
    table(
      ['target', 'at most', 'measured', ''],
      targets.map(({ name, limit, value, met }) => [name, limit, number(value, 2), met ? 'met' : 'not met']),
    ),
    '',
  ].join('\n');
}

const titles = {
  cpu: 'CPU time for each tool call',
  latency: 'Latency of a tool call',
  throughput: 'Tool calls a second',
  memory: 'Memory for each idle session',
  sessions: 'CPU time for each call beside idle sessions',
  generators: 'From the command to an answered tool call',
};

function nameOf(servers, { generators }, id) {
  return servers.find((server) => server.id === id)?.name ?? generators[id].name;
}

function percentiles(record) {
  return record
    ? [record.p50, record.p99, record.p999].map((one) => number(one?.median, 1)).join(' / ')
    : '–';
}

function slowReader(record) {
  if (!record?.besideReader) return '–';
  const { besideReader, besideSlowReader } = record;
  const held = besideSlowReader.cut ? 'cut' : `${number(besideSlowReader.heldMb.median)} MB`;
  return `${number(besideReader.p99.median, 1)} → ${number(besideSlowReader.p99.median, 1)}, ${held}`;
}

function installed(record) {
  return record?.packages ? `${number(record.packages.median)}, ${number(record.megabytes.median)}` : '–';
}

function number(value, digits = 0) {
  if (!Number.isFinite(value)) return '–';
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function table(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
