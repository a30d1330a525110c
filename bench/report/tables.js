// The figures as Markdown.

/** The servers, with what matters most. */
export function summaryTable(results) {
  return serverTable(results, [
    ['CPU for each call, µs', ({ calls }) => number(calls?.at3000?.cpuMicroseconds)],
    ['p99, ms', ({ calls }) => number(calls?.at3000?.p99, 1)],
    ['calls a second, flat out', ({ calls }) => number(calls?.flatOut?.callsPerSecond)],
    ['KB for each idle session', ({ sessions }) => number(sessions?.memoryKb?.[2000])],
    ['start, ms', ({ start }) => number(start?.startMs)],
    ['packages, MB', ({ installed }) => size(installed)],
  ]);
}

/** What a reader wants to know first: ours, and what one would use instead. A row whose measurement failed is left out. */
export function factsTable({ measures: { generators, installed, calls, interrupted }, servers }) {
  const nameOf = (id) => servers.find((server) => server.id === id)?.name ?? generators[id]?.name;
  const row = (what, byId, ours, peers, figure, unit = '') => {
    const shown = (id) => figure(byId?.[id]);
    const others = peers.filter((id) => shown(id) !== '–').map((id) => `${shown(id)} (${nameOf(id)})`);
    return [what, `${shown(ours)}${unit}`, others.join(', ')];
  };
  const commands = ['create-xmcp-app', 'mcp-framework'];
  const peers = ['sdk-v1-express', 'mcp-framework', 'fastmcp'];
  const command = 'create-mcp-sse';
  const cpu = (record) => number(record?.at3000?.cpuMicroseconds);
  const slowest = (record) => number(record?.at3000?.p99, 1);
  const rows = [
    row('packages to fetch and run the command', generators, command, commands, (record) =>
      number(record?.fetched?.packages),
    ),
    row(
      'from the command to an answer',
      generators,
      command,
      commands,
      (record) => number(record?.answeredSeconds, 1),
      ' s, its own tests included',
    ),
    row('packages in a server with API keys', installed, 'apikey', peers, (record) =>
      number(record?.packages),
    ),
    row('CPU for each tool call, every check on', calls, 'apikey', peers, cpu, ' µs'),
    row('the slowest 1 % of calls', calls, 'apikey', peers, slowest, ' ms'),
    row('calls lost of 20 whose streams are cut', interrupted, 'apikey', peers, (record) =>
      number(record?.cut?.lost),
    ),
  ];
  return table(
    ['', 'what you get', 'instead'],
    rows.filter(([, ours]) => !ours.startsWith('–')),
  );
}

export function callsTable(results) {
  const at =
    (rate) =>
    ({ calls }) =>
      `${ranged(calls?.[rate]?.cpuMicroseconds)}`;
  const latency =
    (rate) =>
    ({ calls }) =>
      ['p50', 'p99', 'p999'].map((part) => number(calls?.[rate]?.[part], 1)).join(' / ');
  return serverTable(results, [
    ['µs for each call at 500/s', at('at500')],
    ['at 3,000/s', at('at3000')],
    ['at the highest rate', at('highest')],
    ['highest rate kept up', ({ calls }) => ranged(calls?.highest?.rate)],
    ['flat out, calls/s', ({ calls }) => ranged(calls?.flatOut?.callsPerSecond)],
    ['p50 / p99 / p99.9 ms at 500/s', latency('at500')],
    ['at 3,000/s', latency('at3000')],
  ]);
}

export function sessionsTable(results) {
  const beside =
    (count) =>
    ({ sessions }) => {
      const record = sessions?.beside?.[count];
      return `${number(record?.cpuMicroseconds)}, ${number(record?.p99, 1)}`;
    };
  return serverTable(results, [
    ...[100, 2000, 10_000].map((count) => [
      `KB for each of ${number({ median: count })}`,
      ({ sessions }) => number(sessions?.memoryKb?.[count]),
    ]),
    ['KB for each of 2,000 that waits without a stream', ({ waiting }) => besideIdle(waiting)],
    ['opened a second', ({ sessions }) => number(sessions?.openedPerSecond)],
    ['% of a core, 10,000 idle', ({ sessions }) => number(sessions?.idleCpuPercent?.[10_000], 1)],
    ['µs for each call, p99 ms, beside none', beside(0)],
    ['beside 2,000', beside(2000)],
    ['beside 10,000', beside(10_000)],
  ]);
}

export function othersTable(results) {
  return serverTable(results, [
    ['4 MB there and back, p50 / p99 ms', ({ large }) => `${number(large?.p50)} / ${number(large?.p99)}`],
    ['p99 ms beside a reader', ({ slow }) => number(slow?.besideReader?.p99, 1)],
    ['beside one that does not read', ({ slow }) => number(slow?.besideSlowReader?.p99, 1)],
    ['held for it', ({ slow }) => held(slow?.besideSlowReader)],
    ['start to listening, ms', ({ start }) => ranged(start?.startMs)],
    ['MB then', ({ start }) => number(start?.memoryMb)],
    ['packages, MB installed', ({ installed }) => size(installed)],
  ]);
}

/** What becomes of calls when streams are cut, and in a restart. */
export function interruptedTable(results) {
  return serverTable(
    results,
    [
      ['calls lost of 20 after a cut stream', ({ interrupted }) => number(interrupted.cut?.lost)],
      [
        'calls lost in a restart',
        ({ interrupted: { restart } }) => `${number(restart?.lost)} of ${number(restart?.calls)}`,
      ],
      ['refused meanwhile, and made again', ({ interrupted }) => number(interrupted.restart?.refused)],
    ],
    'interrupted',
  );
}

/** How long others wait for their calls beside an attack. */
export function attackedTable(results) {
  const attacks = {
    none: 'none',
    structure: '4 MB with two million values',
    endless: '300 bodies that never end',
    deaf: 'a reader that reads nothing',
    streams: '200 streams a second',
    chunks: '3.9 MB in one-byte chunks',
  };
  const cell = (record) => {
    if (record?.stopped) return '**stopped answering**';
    const unanswered = record?.unanswered?.median > 0 ? `, ${number(record.unanswered)} unanswered` : '';
    return `${number(record?.p99, 1)}${unanswered}`;
  };
  const columns = Object.entries(attacks).map(([kind, head]) => [
    head,
    ({ attacked }) => cell(attacked[kind]),
  ]);
  return serverTable(results, columns, 'attacked');
}

/** Our server and the floor by version of Node.js. */
export function nodeVersionsTable({ measures: { nodeVersions = {} } }) {
  const majors = Object.keys(nodeVersions).flatMap((id) => /^apikey-(\d+)$/.exec(id)?.[1] ?? []);
  const rows = majors.map((major) => {
    const [ours, floor] = [nodeVersions[`apikey-${major}`], nodeVersions[`floor-${major}`]];
    const both = (figure) => [ours, floor].map((record) => number(figure(record))).join(' / ');
    return [
      `Node.js ${major}`,
      both((record) => record?.at3000?.cpuMicroseconds),
      both((record) => record?.flatOut?.callsPerSecond),
      both((record) => record?.startMs),
    ];
  });
  return table(
    ['ours / bare node:http', 'µs for each call at 3,000/s', 'flat out, calls/s', 'start, ms'],
    rows,
  );
}

/** How much else the machine did meanwhile. */
export function noiseTable({ noise = {} }) {
  const rows = Object.entries(noise).map(([measure, { stealPercent, spreadPercent }]) => [
    measure,
    plain(stealPercent, 1),
    plain(spreadPercent, 1),
  ]);
  return table(['measure', 'steal, % of CPU time', 'spread of the rounds, %'], rows);
}

/** Where the CPU time of a call goes, in microseconds: its shares in a profile, of what was measured without profiling. */
export function profileTable({ measures, servers }) {
  const { profile = {}, calls } = measures;
  const profiled = servers.filter(({ id }) => profile[id]?.shares);
  const areas = new Set(profiled.flatMap(({ id }) => Object.keys(profile[id].shares)));
  const microseconds = (id, area) =>
    ((profile[id].shares[area]?.median ?? 0) / 100) * calls[id].at3000.cpuMicroseconds.median;
  const rows = [...areas].map((area) => [area, ...profiled.map(({ id }) => plain(microseconds(id, area)))]);
  return table(['µs for each call', ...profiled.map(({ name }) => name)], rows);
}

export function generatorsTable({ measures }) {
  const rows = Object.values(measures.generators).map((record) => [
    record.name,
    size(record.fetched),
    number(record.filesSeconds, 2),
    record.answeredSeconds ? ranged(record.answeredSeconds, 1) : 'failed',
    size(record),
  ]);
  return table(
    ['', 'fetched: packages, MB', 'to files, s', 'to an answer, s', 'installed: packages, MB'],
    rows,
  );
}

export function targetsTable({ targets }) {
  const verdict = (met) => (met === undefined ? 'not measured' : met ? 'met' : '**not met**');
  const rows = targets.map(({ name, limit, value, met }) => [name, limit, plain(value, 2), verdict(met)]);
  return table(['target', 'at most', 'measured', ''], rows);
}

/** What failed or was not kept up with, each as a line of a list; empty when nothing was. */
export function failures({ measures }) {
  return Object.entries(measures).flatMap(([measure, byId]) =>
    Object.values(byId).flatMap((record) => {
      const troubles = { calls: troublesOf, attacked: errorsOf }[measure] ?? (() => []);
      const reasons = record.error ? [record.error] : troubles(record);
      return reasons.map((reason) => `- ${record.name}, ${measure}: ${reason}`);
    }),
  );
}

function errorsOf(parts) {
  return Object.entries(parts).flatMap(([name, { error }]) => (error ? `${name}: ${error}` : []));
}

function troublesOf({ at500, at3000, flatOut, highest }) {
  const behind = (rate, { callsPerSecond }) =>
    callsPerSecond.median < 0.98 * rate
      ? `of ${plain(rate)} calls a second ${number(callsPerSecond)} were answered`
      : [];
  const wrong = [at500, at3000, flatOut].flatMap(({ errors, firstError }) =>
    errors.max > 0 ? `${plain(errors.max)} wrong or refused replies, the first: ${firstError}` : [],
  );
  return [behind(500, at500), behind(3000, at3000), highest.error ?? [], wrong].flat();
}

/** @param [measure] only servers that it was made with have a row */
function serverTable({ measures, servers }, columns, measure) {
  const shown = measure ? servers.filter(({ id }) => measures[measure]?.[id]) : servers;
  const rows = shown.map(({ id, name, version, ours }) => {
    const measured = Object.fromEntries(
      Object.entries(measures).map(([measure, byId]) => [measure, byId[id]]),
    );
    const label = version ? `${name} ${version}` : name;
    return [ours ? `**${label}**` : label, ...columns.map(([, cell]) => cell(measured))];
  });
  return table(['', ...columns.map(([head]) => head)], rows);
}

function table(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  const rule = head.map((_, index) => (index === 0 ? '---' : '---:'));
  return [line(head), line(rule), ...rows.map(line)].join('\n');
}

function besideIdle(record) {
  return record?.waitingKb ? `${number(record.waitingKb)}, beside ${number(record.idleKb)} with one` : '–';
}

function held(record) {
  if (record === undefined) return '–';
  return record.cut ? 'it is cut off' : `${number(record.heldMb)} MB`;
}

function size(record) {
  return record?.packages === undefined ? '–' : `${number(record.packages)}, ${number(record.megabytes)}`;
}

/** Median, and where there were several rounds, from what to what. */
function ranged(spread, digits = 0) {
  if (spread === undefined || spread.min === spread.max) return number(spread, digits);
  return `${number(spread, digits)} (${plain(spread.min, digits)}–${plain(spread.max, digits)})`;
}

function number(spread, digits = 0) {
  return plain(spread?.median, digits);
}

function plain(value, digits = 0) {
  if (!Number.isFinite(value)) return '–';
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
