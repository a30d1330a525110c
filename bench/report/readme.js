import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  attackedTable,
  callsTable,
  factsTable,
  failures,
  generatorsTable,
  interruptedTable,
  nodeVersionsTable,
  noiseTable,
  othersTable,
  profileTable,
  sessionsTable,
  summaryTable,
  targetsTable,
} from './tables.js';

/** Writes the README's two parts about the measurements, each between its markers. */
export function writeReadme(results, file) {
  const readme = readFileSync(file, 'utf8');
  const withFacts = replacePart(readme, 'facts', factsTable(results));
  writeFileSync(file, replacePart(withFacts, 'bench', section(results)));
}

function replacePart(readme, name, text) {
  const [begin, end] = [`<!-- ${name}: written by npm run bench -->`, `<!-- /${name} -->`];
  const [before, rest] = readme.split(begin);
  const after = rest?.split(end)[1];
  if (after === undefined) throw new Error(`the README has no ${begin} … ${end}`);
  return `${before}${begin}\n\n${text.trimEnd()}\n\n${end}${after}`;
}

/** Writes the page with every figure, into the folder of the results. */
export function writePage(results, folder) {
  writeFileSync(join(folder, 'README.md'), page(results));
}

function section(results) {
  return `${picture('bench/results', 'cpu', 'CPU time of the server for each tool call')}

${picture('bench/results', 'memory', 'Memory for each idle session')}

${picture('bench/results', 'generators', 'From the command to a server that answered')}

${conditions(results)}

${summaryTable(results)}

CPU time and p99 are those at 3,000 calls a second over 100 sessions, memory that with 2,000 sessions. Every figure with its spread,
latency, throughput, 10,000 sessions, large messages, slow readers, and what was aimed at: [bench/results](bench/results/README.md).
How it is measured, and what that does not show: [bench/NOTES.md](bench/NOTES.md).
`;
}

function page(results) {
  const failed = failures(results);
  return `# Results

Written by \`npm run bench\`; the figures are in [full.json](full.json). How they are measured, and what they do not show:
[NOTES.md](../NOTES.md). Medians; in brackets the least and the greatest of the rounds.

${conditions(results)}

## Targets

${targetsTable(results)}

## Calls

Tool \`echo\`, 100 sessions at a fixed rate, 400 flat out.

${picture('.', 'cpu', 'CPU time of the server for each tool call')}

${picture('.', 'latency', 'Latency of a tool call')}

${picture('.', 'throughput', 'Tool calls a second')}

${callsTable(results)}

Where that time goes at 3,000 calls a second, from a CPU profile: a share of what was measured without profiling.

${profileTable(results)}

## Sessions

The calls beside idle sessions are 3,000 a second over 50 of the sessions.

${picture('.', 'memory', 'Memory for each idle session')}

${picture('.', 'sessions', 'CPU time for each call beside idle sessions')}

${sessionsTable(results)}

## Calls that are interrupted

20 unmodified clients of the SDK, half of each major version, whose calls take 1.5 s. Once all event streams are cut while each has a call under
way; once the server is stopped by SIGTERM and started again, behind a proxy that waits for it. A call without a reply after 10 s is lost; one that is
refused is made again.

${interruptedTable(results)}

## Attacks

p99 in ms of 200 calls a second over 20 sessions, while one client attacks: with messages of 4 MB with two million values one after the other, 300 bodies
that come a byte at a time, a stream that is not read while 10 MB a second are asked for, streams that are opened and dropped, messages of 3.9 MB in
chunks of one byte.

${attackedTable(results)}

## Versions of Node.js

One short round each; the figures are good for comparing the versions only.

${nodeVersionsTable(results)}

## Large messages, slow readers, start, size

Beside a reader: the latency of 50 sessions at 500 calls a second in all, while one more session makes 40 calls of 256 KB a second
and reads the replies; then while it does not read them.

${othersTable(results)}

## Generators

From the command to a server that answered a tool call, or a page where the project is no MCP server. What npm needs is in its cache.

${picture('.', 'generators', 'From the command to a server that answered')}

${generatorsTable(results)}

## Noise

CPU time that the host gave to other machines, and how far the rounds of a server lie apart: the median over all servers.

${noiseTable(results)}
${failed.length > 0 ? `\n## What failed\n\n${failed.join('\n')}\n` : ''}`;
}

function conditions({ date, machine }) {
  return `Measured on ${date.slice(0, 10)} on ${machine.cores} cores (${machine.cpu}) with ${machine.memoryGb} GB, ${machine.system},
Node.js ${machine.node.slice(1)}. ${machine.pinned ? 'Server and load generator have a core each.' : 'Servers and load generator share the cores.'} Ours are freshly generated projects with every check and limit
on; the others check no credential.`;
}

function picture(folder, name, text) {
  return `![${text}](${folder}/${name}.svg)`;
}
