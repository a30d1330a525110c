import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { remove } from './remove.ts';

/** How a test ended, as Node.js reports it. */
export interface TestResult {
  name: string;
  outcome: 'passed' | 'failed' | 'skipped';
  /** Why it was skipped. */
  reason?: string;
}

/**
 * Has Node.js report tests in a file, whatever else they print and however they are started.
 *
 * @param work runs the tests with these environment variables
 * @returns how each test ended; nothing if Node.js ran no tests
 */
export async function reportTests(
  work: (env: Record<string, string>) => Promise<unknown>,
): Promise<TestResult[]> {
  const folder = await mkdtemp(join(tmpdir(), 'create-mcp-sse-'));
  const file = join(folder, 'report.tap');
  const options = [
    '--test-reporter=spec --test-reporter-destination=stdout',
    `--test-reporter=tap --test-reporter-destination=${JSON.stringify(file)}`,
  ].join(' ');
  try {
    // npm and pnpm replace NODE_OPTIONS, if an .npmrc has such a setting.
    await work({
      NODE_OPTIONS: options,
      npm_config_node_options: options,
      pnpm_config_node_options: options,
    });
    return readResults(await readFile(file, 'utf8').catch(() => ''));
  } finally {
    await remove(folder);
  }
}

/** Reads the Test Anything Protocol, as Node.js writes it. */
export function readResults(report: string): TestResult[] {
  const lines = report.split(/\r?\n/).flatMap(readLine);
  // A test that contains others is reported after them, one level further out. Only those it contains count.
  const isGroup = (index: number) => (lines[index - 1]?.depth ?? 0) > (lines[index]?.depth ?? 0);
  return lines.filter((_, index) => !isGroup(index)).map(({ result }) => result);
}

const resultLine =
  /^(?<indent> *)(?<not>not )?ok \d+ - (?<name>.*?)(?: # (?<mark>SKIP|TODO)(?: (?<reason>.*))?)?$/;

function readLine(line: string): { depth: number; result: TestResult }[] {
  const { indent = '', not, name, mark, reason } = resultLine.exec(line)?.groups ?? {};
  if (name === undefined) return [];
  const outcome = mark !== undefined ? 'skipped' : not === undefined ? 'passed' : 'failed';
  const result = {
    name: unescaped(name),
    outcome,
    ...(reason !== undefined && { reason: unescaped(reason) }),
  } as const;
  return [{ depth: indent.length, result }];
}

function unescaped(text: string): string {
  return text.replaceAll(/\\([\\#])/g, '$1');
}
