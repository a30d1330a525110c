/**
 * Reads which tests passed from the output of `node --test`. The default reporter of some versions of Node.js writes
 * TAP ("ok 1 - name"), that of others a list with ticks ("✔ name (1.2ms)").
 */
export function passedTests(output: string): string[] {
  const lines = output.split(/\r?\n/).flatMap(readLine);
  // A test that contains others is reported after them, one level further out. Only those it contains count.
  const isGroup = (index: number) => (lines[index - 1]?.depth ?? 0) > (lines[index]?.depth ?? 0);
  return lines.filter(({ passed }, index) => passed && !isGroup(index)).map(({ name }) => name);
}

const tapLine = /^(?<indent> *)(?<result>ok|not ok) \d+ - (?<name>.*?)(?<unproved> # (?:SKIP|TODO).*)?$/;
const specLine = /^(?<indent> *)(?<result>[✔✖﹣]) (?<name>.*?) \([\d.]+ms\)(?<unproved> # .*)?$/;

function readLine(text: string): { depth: number; name: string; passed: boolean }[] {
  const { indent, result, name, unproved } = (tapLine.exec(text) ?? specLine.exec(text))?.groups ?? {};
  if (indent === undefined || name === undefined) return [];
  const passed = (result === 'ok' || result === '✔') && unproved === undefined;
  return [{ depth: indent.length, name: name.replaceAll('\\#', '#'), passed }];
}
