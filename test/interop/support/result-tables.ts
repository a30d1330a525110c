import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Reporter, TestCase, TestModule } from 'vitest/node';
import { transports } from './clients.js';
import type { Outcome } from './outcome.js';

/**
 * Writes what a run of the interoperability tests proved into the README and docs/clients.md, between markers. A run
 * of only some of the tests writes nothing.
 */
export default class ResultTables implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const reason = whyIncomplete(modules);
    if (reason !== undefined) {
      console.log(`The tables of clients stay as they are: ${reason}.`);
      return;
    }
    const results = modules.flatMap((module) => [...module.children.allTests()]).flatMap(resultOf);
    write('README.md', 'clients', clientsTable(results));
    write('docs/clients.md', 'features', featuresTable(results));
    write('docs/clients.md', 'reconnecting', reconnectingTable(results));
    write('docs/clients.md', 'moving', movingTable(results));
  }
}

interface Result extends Outcome {
  passed: boolean;
}

const root = resolve(import.meta.dirname, '../../..');

function whyIncomplete(modules: readonly TestModule[]): string | undefined {
  const files = readdirSync(join(root, 'test/interop')).filter((file) => file.endsWith('.test.ts'));
  const ran = modules.map(({ moduleId }) => moduleId);
  const left = files.filter((file) => !ran.some((id) => id.endsWith(`/test/interop/${file}`)));
  if (left.length > 0) return `${left.join(', ')} did not run`;
  const skipped = modules.flatMap((module) => [...module.children.allTests('skipped')]);
  return skipped.length > 0 ? `${skipped.length} tests were skipped` : undefined;
}

function resultOf(test: TestCase): Result[] {
  const { outcome } = test.meta();
  return outcome ? [{ ...outcome, passed: test.ok() }] : [];
}

/** A row for each client, a column for each transport. */
function clientsTable(results: Result[]): string {
  const rows = clientsOf(results).map(({ client, version }) => {
    const cells = transports.map((transport) => {
      const own = results.filter(
        (result) => result.client === client && result.version === version && result.transport === transport,
      );
      const failed = own.filter(({ passed }) => !passed).length;
      if (own.length === 0) return '';
      if (failed > 0) return `**${failed} of ${own.length} checks fail**`;
      const lacking = own.filter((result) => result.lacking).length;
      return `works: ${own.length - lacking} checks${lacking > 0 ? `, without ${lacking} features` : ''}`;
    });
    return [client.startsWith('@') ? `\`${client}\`` : client, version, ...cells];
  });
  return table(['client', 'version', ...transports], rows);
}

/** A row for each feature: whether the clients of the SDK have it over each transport. */
function featuresTable(results: Result[]): string {
  const ofSdk = results.filter(({ client, lacking }) => client.startsWith('@') && lacking !== undefined);
  // The latest client comes last, and knows all of them.
  const features = new Set(ofSdk.toReversed().map(({ feature }) => feature));
  const rows = [...features].reverse().map((feature) => [
    feature,
    ...transports.map((transport) => {
      const own = ofSdk.filter((result) => result.feature === feature && result.transport === transport);
      if (!own.every(({ passed }) => passed)) return '**fails**';
      return own.some(({ lacking }) => lacking) ? 'no' : 'yes';
    }),
  ]);
  return table(['', ...transports], rows);
}

function reconnectingTable(results: Result[]): string {
  const rows = results.flatMap(({ client, version, transport, reconnecting }) => {
    if (reconnecting === undefined) return [];
    const { seconds, runningCall, onerror } = reconnecting;
    // Rounded up: the next run is a little faster or slower.
    return [
      [
        `${client} ${version}`,
        transport,
        seconds === undefined ? 'the program connects again' : `${Math.ceil(seconds)} s at most`,
        runningCall,
        onerror ? 'yes' : 'no',
      ],
    ];
  });
  return table(
    ['client', 'transport', 'next good call after', 'a running call', 'the program is told'],
    rows,
  );
}

/** A row for each client whose process was told to stop and, in another run, killed. */
function movingTable(results: Result[]): string {
  const rows = clientsOf(results).flatMap(({ client, version }) => {
    const ways = (['SIGTERM', 'SIGKILL'] as const).map(
      (signal) =>
        results.find(
          (result) =>
            result.client === client && result.version === version && result.moving?.signal === signal,
        )?.moving,
    );
    if (ways.every((way) => way === undefined)) return [];
    const cells = ways.flatMap((way) => [
      way?.runningCall ?? '',
      way ? `${Math.ceil(way.seconds)} s at most` : '',
    ]);
    return [[`${client} ${version}`, ...cells]];
  });
  const heads = ['stopped', 'killed'].flatMap((how) => [`${how}: a running call`, 'next good call after']);
  return table(['client', ...heads], rows);
}

function clientsOf(results: Result[]): { client: string; version: string }[] {
  const seen = new Map(results.map(({ client, version }) => [`${client} ${version}`, { client, version }]));
  return [...seen.values()].sort((a, b) => (a.client < b.client ? -1 : a.client > b.client ? 1 : 0));
}

function table(head: string[], rows: string[][]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function write(file: string, marker: string, text: string): void {
  const path = join(root, file);
  const begin = `<!-- ${marker}: written by npm run test:interop -->\n`;
  const end = `\n<!-- /${marker} -->`;
  const source = readFileSync(path, 'utf8');
  const from = source.indexOf(begin);
  const to = source.indexOf(end, from);
  if (from < 0 || to < 0)
    throw new Error(`${file} has no place for the table: ${begin.trim()} … ${end.trim()}`);
  writeFileSync(path, source.slice(0, from + begin.length) + text + source.slice(to));
}
