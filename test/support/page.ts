import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const docs = join(import.meta.dirname, '../../docs');

/** What a page of docs/ tells its reader to write. */
export function readPage(name: string) {
  const page = readFileSync(join(docs, name), 'utf8');

  function block(infoString: string): string {
    const text = page.split(`\`\`\`${infoString}\n`)[1]?.split('```')[0];
    if (text === undefined) throw new Error(`docs/${name} has no block of ${infoString}`);
    return text;
  }

  return {
    /** A block of code by what stands after its three backticks: its language and the name of its file. */
    block,

    /** The text of a file that is shown whole. */
    file: (path: string) => block(`ts ${path}`),

    /** How the page edits a file: what a block of `diff` adds and removes, found by the lines around it. */
    edit(path: string): (source: string) => string {
      const changes = block(`diff ${path}`).split('\n');
      return (source) => applied(source.split('\n'), changes, path).join('\n');
    },
  };
}

function applied(lines: string[], changes: string[], path: string): string[] {
  const result = [...lines];
  let at = 0;
  for (const change of changes) {
    const text = change.slice(1);
    if (change.startsWith('+')) {
      result.splice(at++, 0, text);
    } else if (text !== '') {
      const found = result.indexOf(text, at);
      if (found === -1) throw new Error(`${path} has no line: ${text}`);
      at = change.startsWith('-') ? found : found + 1;
      if (change.startsWith('-')) result.splice(found, 1);
    }
  }
  return result;
}
